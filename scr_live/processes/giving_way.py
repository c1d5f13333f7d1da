"""What a process beside a run does first: it is there to be lost.

It has a lower priority than the video, it is the first that the system ends when memory is short, and it
does not outlive its run.
"""

import contextlib
import ctypes
import os
import signal
import socket
import sys
import time
from pathlib import Path

_PROC = Path("/proc")
_MOST_NICE = 19
_TRIES, _TRY_EVERY_S = 5, 0.11
_OOM_SCORE = 800  # of 1000
_PR_SET_PDEATHSIG = 1


def connection_of_run() -> socket.socket:
    """Take the connection away from the standard input; whoever reads that finds nothing."""
    if sys.platform == "win32":
        return socket.fromshare(sys.stdin.buffer.read())
    connection = socket.socket(fileno=os.dup(0))  # which no process that a library starts inherits
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return connection


def give_way(parent_pid: int, *, niceness: int) -> None:
    """Behind the video in everything, and gone when it has gone, even out of code that hangs."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # the run decides when this process ends
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    if hasattr(os, "nice"):
        with contextlib.suppress(OSError):  # some sandboxes forbid it
            os.nice(niceness)
    if sys.platform != "linux":
        return
    _let_session_give_way(parent_pid)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(_OOM_SCORE), encoding="ascii")
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it ended before we asked to be told
        sys.exit()


def _let_session_give_way(parent_pid: int) -> None:
    """Put this process's session as far behind the run's as the process itself is behind others.

    Where sessions are scheduled as groups (Debian, Ubuntu and others, outside of services), a process with
    a session of its own gets that session's share, whatever its own niceness is; and a session begins with
    that of no niceness, even if the run's was made nice.
    """
    if os.getsid(0) != os.getpid():  # others live in it, such as a shell
        return
    own = os.getpriority(os.PRIO_PROCESS, 0)
    try:
        # such as "/autogroup-25 nice 0"
        of_run = int((_PROC / str(parent_pid) / "autogroup").read_text(encoding="ascii").split()[-1])
    except (OSError, ValueError, IndexError):  # none here, or hidden
        of_run = 0
    niceness = str(min(own + max(of_run, 0), _MOST_NICE))
    for _ in range(_TRIES):
        try:
            (_PROC / "self" / "autogroup").write_text(niceness, encoding="ascii")
        except BlockingIOError:  # somebody else has done so within the last tenth of a second
            time.sleep(_TRY_EVERY_S)
        except OSError:  # the system schedules no sessions, or forbids it
            return
        else:
            return
