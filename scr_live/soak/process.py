"""What this process and its children take from the system: Linux tells, others do not."""

import os
from dataclasses import dataclass
from pathlib import Path

from scr_live.heap import resident_bytes

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
            memory_mb=resident_bytes() / _MB,
            threads=len(os.listdir(_PROC / "self" / "task")),  # noqa: PTH208 - names will do
            files=len(os.listdir(_PROC / "self" / "fd")) - 1,  # noqa: PTH208 - less the one of this look
            children=len(children),
            children_mb=sum(map(_child_mb, children)),
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


def _child_mb(process: str) -> float:
    try:
        return resident_bytes(process) / _MB
    except OSError:  # it has just ended
        return 0.0
