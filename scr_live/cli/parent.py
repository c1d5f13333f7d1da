"""Noticing that the process which started this one is gone."""

import os
import select
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from scr_live.errors import OptionError

_LOOK_EVERY_S: Final = 0.25
"""Where the system cannot tell when a process ends."""


@contextmanager
def watched_parent(gone: Callable[[], None]) -> Iterator[None]:
    """Call `gone`, in a thread of its own, once the process that is the parent now has ended.

    OptionError where the system keeps the number of a parent that has ended (Windows).
    """
    if sys.platform == "win32":
        raise OptionError("--exit-with-parent does not work on Windows. Leave it out, and end scr-live.")
    parent = os.getppid()
    mine, its = socket.socketpair()
    thread = threading.Thread(target=_watch, args=(parent, its, gone), name="parent", daemon=True)
    thread.start()
    try:
        yield
    finally:
        mine.close()
        thread.join()


def _watch(parent: int, leave: socket.socket, gone: Callable[[], None]) -> None:
    """Wait for the end of the parent, or for that of the block, at which `leave` becomes readable."""
    with leave:
        process = _handle(parent)
        waited_for = [leave.fileno()] if process is None else [leave.fileno(), process]
        try:
            # A child of a process that has ended has another parent: so no moment goes unnoticed.
            while os.getppid() == parent:
                timeout_s = _LOOK_EVERY_S if process is None else None
                if leave.fileno() in select.select(waited_for, [], [], timeout_s)[0]:
                    return
            gone()
        finally:
            if process is not None:
                os.close(process)


def _handle(process: int) -> int | None:
    """Something that becomes readable when the process ends; None where the system has no such thing."""
    if sys.platform != "linux":
        return None
    try:
        return os.pidfd_open(process)
    except OSError:  # gone already, a kernel before 5.3, or forbidden in a container
        return None
