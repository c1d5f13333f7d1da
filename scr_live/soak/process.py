"""What this process and its children take from the system: Linux tells, others do not."""

import os
from dataclasses import dataclass
from pathlib import Path

_MB = 1 << 20
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Usage:
    """At one moment."""

    memory_mb: float
    """Resident, of this process."""
    threads: int
    """Of the system, those of libraries included."""
    files: int
    """Open descriptors."""
    children: int
    """Processes that this one has started and that are there, dead ones that nobody asked for included."""
    children_mb: float
    """Resident, of all of them."""


def usage() -> Usage | None:
    """Look now; None where the system does not tell."""
    try:
        children = _children()
        return Usage(
            memory_mb=_resident_mb("self"),
            threads=len(os.listdir(_PROC / "self" / "task")),  # noqa: PTH208 - names will do
            files=len(os.listdir(_PROC / "self" / "fd")) - 1,  # noqa: PTH208 - less the one of this look
            children=len(children),
            children_mb=sum(map(_resident_mb, children)),
        )
    except OSError:
        return None


def _children() -> list[str]:
    found = []
    for task in (_PROC / "self" / "task").iterdir():
        try:
            found += (task / "children").read_text().split()
        except OSError:  # a thread that has just ended
            continue
    return found


def _resident_mb(process: str) -> float:
    try:
        pages = int((_PROC / process / "statm").read_text().split()[1])
    except OSError:
        if process == "self":
            raise
        return 0.0  # a child that has just ended
    return pages * os.sysconf("SC_PAGE_SIZE") / _MB
