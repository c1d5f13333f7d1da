"""How much memory an engine needs at most, measured in a process of its own."""

import re
from pathlib import Path
from typing import Final

import numpy as np

from scr_live.bench.combinations import Combination
from scr_live.engines.isolated import IsolatedEngine
from scr_live.errors import ScrLiveError

_FACTORY: Final = "scr_live.bench.combinations:open_combination"
_REQUESTS: Final = 3
_PEAK: Final = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)
_NOTHING: Final = Combination("", "constant", "auto")


def peak_growth_mb(combination: Combination, *, threads: int) -> float | None:
    """Peak of a process that opens it and answers, less that of one with the engine that computes nothing.

    The engine's libraries are in it, since they come with it. None: the system does not tell, as Linux does,
    or the engine fails there.
    """
    try:
        with_it, without = (_peak_mb(one, threads=threads) for one in (combination, _NOTHING))
    except (ScrLiveError, OSError):
        return None
    return None if with_it is None or without is None else with_it - without


def _peak_mb(combination: Combination, *, threads: int) -> float | None:
    with IsolatedEngine(_FACTORY, {"combination": combination, "threads": threads}) as engine:
        size = engine.info.input_size
        image = np.random.default_rng(0).integers(0, 256, (size, size, 3), np.uint8)
        for _ in range(_REQUESTS):
            engine.infer(image)
        return peak_in(Path(f"/proc/{engine.pid}/status"))


def peak_in(status: Path) -> float | None:
    """Read the peak of resident memory, in MB, from what Linux tells of a process."""
    if not status.exists():
        return None
    found = _PEAK.search(status.read_text(encoding="utf-8"))
    return None if found is None else int(found[1]) * 1024 / 1e6
