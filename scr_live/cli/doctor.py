"""`scr-live doctor`."""

import typer

from scr_live import console


def doctor() -> None:
    """Say what is installed and which engines and encoders work on this machine."""
    from scr_live.diagnosis import diagnose  # noqa: PLC0415 - keeps --help quick

    checks = list(diagnose())
    console.tell_checks(checks)
    if any(check.needed and not check.works for check in checks):
        raise typer.Exit(1)
