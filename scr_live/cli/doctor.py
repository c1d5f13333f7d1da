"""`scr-live doctor`."""

import typer

from scr_live import console
from scr_live.console.output import say


def doctor() -> None:
    """Say which engines and encoders work on this machine, and what is missing where one does not.

    Exit code 1 if the default run would not work.
    """
    from scr_live.diagnosis import diagnose  # noqa: PLC0415 - keeps --help quick

    fails = False
    for check in diagnose(progress=say):
        console.tell_checks([check])  # at once: an engine may take minutes to build
        fails = fails or (check.needed and not check.works)
    if fails:
        raise typer.Exit(1)
