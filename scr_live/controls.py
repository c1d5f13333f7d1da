"""What a person may change while a run is going: shared between the screens and the pipeline."""

from dataclasses import dataclass
from typing import Final

LONGEST_ALERT_AFTER_S: Final = 10.0


@dataclass(slots=True)
class Controls:
    """Plain attributes: each is read and written whole, which needs no lock in CPython."""

    threshold: float = 0.5
    """Probability from which a pixel counts as polyp."""
    overlay: bool = True
    """Whether marks are drawn."""
    paused: bool = False
    """Files only: nothing is taken from the source."""
    alert_after_s: float | None = None
    """For how long a region has to be seen before it is announced; None: nothing is followed."""
    withdrawing_since: float | None = None
    """time.perf_counter() when a person said that the withdrawal begins; None: it does not go on."""
