"""Who has the processor: the time of every thread of this process and of its children, by name (Linux).

Python knows the names of its own threads. One that a library starts bears, in the system, the name of the
thread that started it, or one that the library gives it (FFmpeg does); here it gets a plus behind.
"""

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

EVERY_S: Final = 0.2
_CHILDREN_EVERY: Final = 5
"""Looks. A child is there for long: an engine's process."""
_PROC: Final = Path("/proc")
_YOUNG_S: Final = 1.0  # a thread may get its name a moment after its birth

OPENING: Final = "opening"
"""The name of the thread that opens source and engine, while it does so: their helpers inherit it."""
OBSERVER: Final = "bench"
HELPER: Final = "+"


@dataclass(slots=True)
class Seen:
    """One thread."""

    name: str
    """Of a helper, with a plus."""
    first_at: float
    cpu_s: float = 0.0
    before_s: float = 0.0
    """What it had when the counting began."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Processor time from the beginning of the counting to its end."""

    by_name: Mapping[str, float]
    """Threads of one name together."""
    children_s: float
    """All processes that this one has started."""
    total_s: float
    """Of this process and its children, by the system's own account."""


@dataclass(slots=True)
class ThreadWatch:
    """A context manager that looks at all threads now and then; `begin` sets everything to zero."""

    clock: Callable[[], float] = time.perf_counter
    _seen: dict[int, Seen] = field(default_factory=dict)
    _children: dict[int, float] = field(default_factory=dict)
    _children_before: dict[int, float] = field(default_factory=dict)
    _own_before_s: float = 0.0
    _looks: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        name_this_thread(OPENING)
        self._thread = threading.Thread(target=self._watch, name=OBSERVER, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        name_this_thread("main")

    def begin(self) -> None:
        """Count from now on; this thread is called main from now on."""
        name_this_thread("main")
        self._looks = 0
        self.look()
        with self._lock:
            self._own_before_s = time.process_time()
            self._children_before = dict(self._children)
            for one in self._seen.values():
                one.before_s = one.cpu_s

    def look(self) -> None:
        """Look at everybody once."""
        with self._lock:
            self._look_at_threads()
            if self._looks % _CHILDREN_EVERY == 0:
                self._find_children()
            self._look_at_children()
            self._looks += 1

    def usage(self) -> Usage:
        """What everybody had since the counting began; call it before the threads have gone for long."""
        with self._lock:
            by_name: dict[str, float] = {}
            for one in self._seen.values():
                by_name[one.name] = by_name.get(one.name, 0.0) + one.cpu_s - one.before_s
            children_s = sum(
                cpu_s - self._children_before.get(pid, 0.0) for pid, cpu_s in self._children.items()
            )
            own_s = time.process_time() - self._own_before_s
            return Usage(by_name, children_s, own_s + children_s)

    def _watch(self) -> None:
        while not self._stop.wait(EVERY_S):
            self.look()

    def _look_at_threads(self) -> None:
        now = self.clock()
        known = {thread.native_id: thread.name for thread in threading.enumerate()}
        for tid in _numbers(_PROC / "self" / "task"):
            place = _PROC / "self" / "task" / str(tid)
            seen = self._seen.get(tid)
            try:
                cpu_s = _thread_s(place)
                if seen is None or now - seen.first_at < _YOUNG_S:
                    name = known.get(tid) or _comm(place) + HELPER
                    seen = self._seen.setdefault(tid, Seen(name, now))
                    seen.name = name if tid in known or seen.name.endswith(HELPER) else seen.name
            except (OSError, ValueError):  # it has ended
                continue
            seen.cpu_s = cpu_s

    def _find_children(self) -> None:
        for tid in _numbers(_PROC / "self" / "task"):
            try:
                text = (_PROC / "self" / "task" / str(tid) / "children").read_text(encoding="ascii")
            except OSError:
                continue
            for pid in map(int, text.split()):
                self._children.setdefault(pid, 0.0)

    def _look_at_children(self) -> None:
        for pid in self._children:
            try:
                self._children[pid] = _process_s(pid)
            except (OSError, ValueError):
                continue


def can_watch() -> bool:
    """Whether the system tells the time of threads."""
    return (_PROC / "self" / "task" / str(threading.get_native_id()) / "schedstat").exists()


def name_this_thread(name: str) -> None:
    """Let the system know it by that name; what it starts from now on inherits it."""
    try:
        (_PROC / "self" / "task" / str(threading.get_native_id()) / "comm").write_text(name[:15])
    except OSError:
        return


def _numbers(folder: Path) -> list[int]:
    try:
        return [int(place.name) for place in folder.iterdir()]
    except OSError:
        return []


def _comm(place: Path) -> str:
    return (place / "comm").read_text(encoding="utf-8", errors="replace").strip()


def _thread_s(place: Path) -> float:
    return int((place / "schedstat").read_text(encoding="ascii").split()[0]) / 1e9


def _process_s(pid: int) -> float:
    """User and system time of all threads of a process, those that have ended too."""
    text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    fields = text.rpartition(")")[2].split()  # behind the name, which may hold anything
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
