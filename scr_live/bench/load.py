"""How busy the machine was while something was measured, and whether that spoils it."""

import time
from typing import Final

from scr_live.machine import Load, others_share, usable_cores

BUSY_BEFORE: Final = 0.25
"""Load average a core from which others are likely to be heard."""
BUSY_MEANWHILE: Final = 0.05
"""Share of all cores that others had."""

_SO: Final = "ratios may stand, times do not. Measure again when it is quiet."


class LoadWatch:
    """Looks before and after."""

    def __init__(self) -> None:
        self._before = Load.now()
        self._began_at = time.perf_counter()

    def end(self) -> tuple[dict[str, float | None], list[str]]:
        """Return the figures for a JSON file, and a sentence for each that is a reason to doubt."""
        after = Load.now()
        share = others_share(self._before, after, time.perf_counter() - self._began_at)
        figures = {
            "average_before": _short(self._before.average),
            "average_after": _short(after.average),
            "others_share_of_cores": _short(share),
        }
        return figures, load_notes(self._before.average, share, usable_cores())


def load_notes(average: float | None, share: float | None, cores: int) -> list[str]:
    """Say if the machine was busy with something else.

    A load average lags a minute behind: where it is known what others had meanwhile, that decides.
    """
    loaded = "" if average is None else f" (load average {average:.1f} on {cores} cores before)"
    if share is None and average is not None and average > BUSY_BEFORE * cores:
        return [f"The machine was busy{loaded}: {_SO}"]
    if share is not None and share > BUSY_MEANWHILE:
        return [f"Others had {share:.0%} of the processor meanwhile{loaded}: {_SO}"]
    return []


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
