"""What `repair` prints."""

from typing import TYPE_CHECKING

from scr_live.console.output import counted, say

if TYPE_CHECKING:
    from scr_live.repair.repairing import Repaired


def tell_repaired(repaired: "Repaired") -> None:
    """Say what was found, and what was made of it."""
    if repaired.was_whole:
        say("found     a whole recording: there was nothing to repair, this is a copy")
    elif repaired.dropped_bytes:
        say(
            "found     a recording that was cut off within a picture; its last "
            f"{counted(repaired.dropped_bytes, 'byte')} are left out"
        )
    else:
        say("found     a recording that was cut off between two pictures")
    if repaired.undecodable:
        damaged = counted(repaired.undecodable, "picture")
        say(f"note      {damaged} cannot be decoded, in the original neither")
    say(f"repaired  {repaired.path}: {counted(repaired.frames, 'frame')}, {repaired.duration_s:.2f} s")
