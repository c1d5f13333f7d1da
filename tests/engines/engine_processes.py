"""What tests of isolated engines look at: the processes that are there, and what they leave behind."""

import contextlib
import os
import select
import threading
from pathlib import Path

from scr_live.engines.isolated import IsolatedEngine


def opened(factory="told", arguments=(), **options):
    return IsolatedEngine(f"faulty_engines:{factory}", dict(arguments), **options)


def is_gone(pid):
    """Whether a process ends, within a time that is far longer than it takes."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], 20)[0])
    finally:
        os.close(watched)


@contextlib.contextmanager
def leaving_nothing():
    """Nothing that was opened inside is left: no descriptor, no thread, no child."""
    threads, before = set(threading.enumerate()), belongings()
    yield
    for thread in set(threading.enumerate()) - threads:
        thread.join(20)
    assert belongings() == before


def belongings():
    children = [pid for pid in Path("/proc").glob("[0-9]*") if parent_of(pid) == os.getpid()]
    return len(list(Path("/proc/self/fd").iterdir())), threading.active_count(), sorted(children)


def parent_of(process):
    return _stat(process)[0]


def processes_of_group(group):
    return [int(path.name) for path in Path("/proc").glob("[0-9]*") if _stat(path)[1] == group]


def _stat(process):
    """Parent and group."""
    try:
        parent, group = (process / "stat").read_bytes().rpartition(b")")[2].split()[1:3]
    except OSError:
        return None, None
    return int(parent), int(group)
