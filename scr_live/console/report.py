"""What `report` prints."""

from typing import TYPE_CHECKING

from scr_live.console.output import counted, say

if TYPE_CHECKING:
    from scr_live.report.command import Written


def tell_report(written: "Written") -> None:
    """Say what was made, and what the log lacks."""
    for problem in written.problems:
        say(f"note      {problem}")
    say(f"report    {written.path}: {counted(written.sightings, 'sighting')}")
