"""The clock of the withdrawal, which a person starts and stops at any of the screens."""

import time

from scr_live.controls import Controls
from scr_live.events import EventKind, Journal


def mark_withdrawal(controls: Controls, journal: Journal, stream_s: float | None) -> bool:
    """Start the clock, or stop it; the account of the run tells both. Returns whether it runs now."""
    begins = controls.withdrawing_since is None
    controls.withdrawing_since = time.perf_counter() if begins else None
    journal.tell(EventKind.WITHDRAWAL_STARTED if begins else EventKind.WITHDRAWAL_ENDED, stream_s=stream_s)
    return begins
