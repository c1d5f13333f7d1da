"""One life of the server's process, seen from the run: started, told, listened to, buried."""

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import cv2
import numpy as np

from scr_live.frames import Image, Picture
from scr_live.processes.child import ChildProcess
from scr_live.processes.wire import Message, receive, send, send_array
from scr_live.sinks.web.desk import Desk, Facts, Load

LARGEST: Final = (1920, 1080)
"""Larger pictures are made smaller: no browser in use shows more of them."""
SILENT_S: Final = 10.0
"""The process says that it lives twice a second; after so much silence it hangs, and is ended."""
_STARTING_S: Final = 60.0  # its libraries, on a machine that has other things to do
_TAKES_S: Final = 10.0
_FAREWELL_S: Final = 2.0
_KILL_S: Final = 0.5
_LOOK_S: Final = 0.5
_MOST_BYTES: Final = 1 << 16  # of what comes back
_HUNG_UP: Final = "hung up"
_WORKER: Final = "scr_live.sinks.web.worker"


log = logging.getLogger(__name__)


class Link:
    """Used once: `run` starts the process and returns when it has ended."""

    def __init__(
        self, listener: socket.socket, facts: Facts, desk: Desk, heard: Callable[[Message], None]
    ) -> None:
        """facts: what the process has to know first. heard: takes what comes back; it does not wait."""
        self._listener = listener
        self._facts = facts
        self._desk = desk
        self._heard = heard
        self._silent_s = _STARTING_S
        self._cause = ""
        self._process: ChildProcess | None = None
        self._connection: socket.socket | None = None

    @property
    def pid(self) -> int:
        """Of the process; 0: there is none."""
        return 0 if self._process is None else self._process.pid

    def abandon(self) -> None:
        """Make `run` return soon; from any thread."""
        if self._process is not None and self._connection is not None:
            self._cause = self._cause or "was abandoned"
            self._bury(self._connection, self._process)

    def run(self) -> str:
        """Carry what is on the desk to a process of its own; return why it ended, empty: as it should."""
        try:
            ours, theirs = socket.socketpair()
        except OSError as error:
            return f"could not be started: {error}"
        with ours:
            try:
                socket.send_fds(ours, [b"L"], [self._listener.fileno()])
                self._process = process = ChildProcess(theirs, module=_WORKER, name="web")
                self._connection = ours
            except OSError as error:
                theirs.close()
                return f"could not be started: {error}"
            with ours.dup() as back:  # two threads, each with a time-out of its own
                reader = threading.Thread(target=self._listen, args=(back,), name="web-reader", daemon=True)
                reader.start()
                try:
                    self._carry(ours, process)
                finally:
                    self._bury(ours, process)
                    reader.join()
        return self._cause

    def _carry(self, connection: socket.socket, process: ChildProcess) -> None:
        try:
            send(connection, "open", deadline=_soon(), **self._facts)
            while not self._cause:
                load = self._desk.take(_LOOK_S)
                self._send(connection, load)
                if load.is_last:
                    connection.shutdown(socket.SHUT_WR)
                    process.wait(_FAREWELL_S)
                    return
        except TimeoutError:
            self._cause = self._cause or "does not read"
        except OSError:
            self._cause = self._cause or _HUNG_UP
        except Exception as error:
            log.exception("the server of the page was not told")
            self._cause = self._cause or f"was not told what it should be ({error!r})"

    def _send(self, connection: socket.socket, load: Load) -> None:
        for number, facts in load.events:
            send(connection, "event", deadline=_soon(), seq=number, facts=facts)
        for answer in load.answers:
            send(connection, "answer", deadline=_soon(), **answer)
        if load.status is not None:
            send(connection, "status", deadline=_soon(), **load.status)
        if load.picture is not None:
            _send_picture(connection, load.picture)

    def _listen(self, connection: socket.socket) -> None:
        try:
            while True:
                deadline = time.monotonic() + self._silent_s
                self._heard(receive(connection, deadline=deadline, most_bytes=_MOST_BYTES))
                self._silent_s = SILENT_S
        except TimeoutError:
            self._cause = self._cause or f"said nothing for {self._silent_s:g} s"
        except ConnectionError:
            self._cause = self._cause or _HUNG_UP
        except Exception as error:  # noqa: BLE001 - whatever it sends, the run goes on
            self._cause = self._cause or f"sent nonsense ({error!r})"
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)  # wakes whoever sends

    def _bury(self, connection: socket.socket, process: ChildProcess) -> None:
        if self._cause == _HUNG_UP and process.wait(_KILL_S):
            words = process.last_words
            self._cause = process.ending + (f"; its last words: {words!r}" if words else "")
        process.kill()
        process.wait(_KILL_S)
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


def _send_picture(connection: socket.socket, picture: Picture) -> None:
    image, scale = smaller(picture.image)
    frame = picture.frame
    facts: dict[str, Any] = {"index": frame.index, "captured_at": frame.captured_at, "scale": scale}
    send_array(connection, "picture", image, deadline=_soon(), **facts)


def smaller(image: Image) -> tuple[Image, float]:
    """Return the picture in a size that browsers show, and how many of its pixels make one of before."""
    height, width = image.shape[:2]
    scale = min(1.0, LARGEST[0] / width, LARGEST[1] / height)
    if scale == 1.0:
        return image, scale
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8), scale


def _soon() -> float:
    return time.monotonic() + _TAKES_S
