"""Telling the service manager how it stands: systemd's notification protocol. Standard library only.

A message is one datagram of KEY=VALUE lines to the socket that the manager names in the environment. Nothing
here raises or blocks for long: a manager that does not listen must not cost the video.
"""

import contextlib
import os
import socket
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Protocol, Self

_PATIENCE_S = 0.2
"""What a message may wait for room in the manager's queue."""


class Notifier(Protocol):
    """A context manager that tells the service manager; used by one thread at a time."""

    def ready(self, status: str = "") -> None:
        """Say that the start is over: the source is open, the model is loaded."""
        ...

    def status(self, text: str) -> None:
        """One line for people (`systemctl status`); the same again is not sent."""
        ...

    def alive(self, mark: int) -> None:
        """Feed the watchdog if it is time to and `mark` has changed since it last was; call it often.

        The mark is a count that grows while the video moves, such as that of composed pictures: so a
        run that stands still starves the watchdog although this thread lives.
        """
        ...

    def stopping(self) -> None:
        """Say that the end has begun."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def notifier_for(environment: Mapping[str, str]) -> Notifier:
    """What speaks to the manager that the environment names, or to nobody."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")) or not hasattr(socket, "AF_UNIX"):
        return NullNotifier()
    return SystemdNotifier(address, watchdog_s=_watchdog_s(environment))


class SystemdNotifier:
    """Sends to a datagram socket: a path, or a name in the abstract space (`@name`).

    watchdog_s: how long the manager waits for a sign of life; None: it does not watch.
    """

    def __init__(
        self,
        address: str,
        *,
        watchdog_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._every_s = None if watchdog_s is None else watchdog_s / 2
        self._clock = clock
        self._fed_at = float("-inf")
        self._mark: int | None = None
        self._status = ""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(_PATIENCE_S)

    def ready(self, status: str = "") -> None:
        """Say that the start is over."""
        self._status = status
        self._send("READY=1", f"STATUS={_line(status)}")

    def status(self, text: str) -> None:
        """One line for people."""
        if text != self._status:
            self._status = text
            self._send(f"STATUS={_line(text)}")

    def alive(self, mark: int) -> None:
        """Feed the watchdog if it is time to and the mark has changed."""
        if self._every_s is None or mark == self._mark or self._clock() - self._fed_at < self._every_s:
            return
        self._mark, self._fed_at = mark, self._clock()
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Say that the end has begun."""
        self._send("STOPPING=1")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def _send(self, *lines: str) -> None:
        with contextlib.suppress(OSError):
            self._socket.sendto("\n".join(lines).encode(errors="replace"), self._address)


class NullNotifier:
    """Tells nobody."""

    def ready(self, status: str = "") -> None:
        """Nothing."""

    def status(self, text: str) -> None:
        """Nothing."""

    def alive(self, mark: int) -> None:
        """Nothing."""

    def stopping(self) -> None:
        """Nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    """The manager's limit, if it is this very process that it watches."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    try:
        watchdog_s = int(environment.get("WATCHDOG_USEC", "")) / 1e6
    except ValueError:
        return None
    return watchdog_s if watchdog_s > 0 else None


def _line(text: str) -> str:
    return " ".join(text.splitlines())
