"""The video and the events as they flow to one viewer; a slow one gets fewer pictures, and no older ones."""

import asyncio
import contextlib
import json
import math
import re
import struct
import time
from collections.abc import AsyncIterator
from typing import Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from scr_live.sinks.web.hub import FullError, Hub, Shown, Watcher

MOST_UNANSWERED: Final = 2
"""Pictures that a viewer may have been sent and has not drawn yet."""
PATIENCE_S: Final = 10.0
"""A viewer that draws nothing for so long is cut."""
DRAWN: Final = "ok"
WIDTH: Final = re.compile(r"width (\d{1,5})", re.ASCII)
"""Of the place where the video is shown, in pixels of the screen; 0: as large as there is."""
BOUNDARY: Final = "scr-live-picture"

_HEAD = struct.Struct("!Qd")
_STATUS_EVERY_S: Final = 0.5
_COMMENT_EVERY_S: Final = 10.0
_POLICY, _GOING_AWAY = 1008, 1001


def framed(picture: Shown, width: int = 0) -> bytes:
    """Return the picture as a WebSocket message: the index of its frame, its age in seconds, the JPEG.

    width: of the place where it is shown, see `Shown.fitting`.
    """
    head = _HEAD.pack(picture.index, time.perf_counter() - picture.captured_at)
    return head + picture.fitting(width)


class Viewer:
    """One WebSocket that the newest pictures go to, as fast as they are drawn, as large as they are shown."""

    def __init__(self, socket: WebSocket, hub: Hub) -> None:
        self._socket = socket
        self._hub = hub
        self._unanswered = 0
        self._drawn = asyncio.Event()

    async def serve(self) -> None:
        """Go on until the viewer leaves, draws nothing, or the run ends."""
        with contextlib.suppress(FullError), self._hub.watching() as watcher:
            await self._socket.accept()
            sending = asyncio.create_task(self._send(watcher))
            listening = asyncio.create_task(self._listen(watcher))
            done, left = await asyncio.wait({sending, listening}, return_when=asyncio.FIRST_COMPLETED)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                for task in done:
                    task.result()

    async def _send(self, watcher: Watcher) -> None:
        number = 0
        while True:
            if not await self._has_drawn():
                await self._socket.close(_POLICY, "nothing was drawn for too long")
                return
            picture = await self._hub.newer(number)
            if picture is None:
                await self._socket.close(_GOING_AWAY, "the run has ended")
                return
            number = picture.number
            self._unanswered += 1
            await self._socket.send_bytes(framed(picture, watcher.width))
            self._hub.sent_pictures += 1

    async def _has_drawn(self) -> bool:
        while self._unanswered >= MOST_UNANSWERED:
            self._drawn.clear()
            try:
                await asyncio.wait_for(self._drawn.wait(), PATIENCE_S)
            except TimeoutError:
                return False
        return True

    async def _listen(self, watcher: Watcher) -> None:
        while True:
            said = await self._word()
            if said == DRAWN:
                self._unanswered = max(0, self._unanswered - 1)
                self._drawn.set()
            elif found := WIDTH.fullmatch(said):
                watcher.show_at(int(found[1]))
            else:
                await self._socket.close(_POLICY, f"a viewer says {DRAWN!r} or 'width 960', and nothing else")
                return

    async def _word(self) -> str:
        try:
            return await self._socket.receive_text()
        except KeyError:  # it is binary, which starlette does not expect
            return ""


async def mjpeg(hub: Hub) -> AsyncIterator[bytes]:
    """Yield the parts of a multipart/x-mixed-replace answer; each ends with the boundary of the next one.

    Browsers show a part once they see its end.
    """
    with contextlib.suppress(FullError), hub.watching():
        yield b"--%s\r\n" % BOUNDARY.encode()
        number = 0
        while (picture := await hub.newer(number)) is not None:
            number = picture.number
            head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(picture.jpeg)
            yield head + picture.jpeg + b"\r\n--%s\r\n" % BOUNDARY.encode()
            hub.sent_pictures += 1


async def server_sent(hub: Hub, last_seen: int | None) -> AsyncIterator[bytes]:
    """Yield events from the one after `last_seen` on (None: from now on), and the status twice a second."""
    newest = hub.events[-1].seq if hub.events else 0
    cursor = newest if last_seen is None else last_seen
    if cursor > newest:  # of an earlier run
        cursor = 0
    with contextlib.suppress(FullError), hub.listening():
        yield b"retry: 1000\n\n"
        async for part in _told(hub, cursor):
            yield part


async def _told(hub: Hub, cursor: int) -> AsyncIterator[bytes]:
    status_at = commented_at = -math.inf
    while True:
        for event in [told for told in hub.events if told.seq > cursor]:
            cursor = event.seq
            yield f"id: {event.seq}\nevent: {event.kind}\ndata: {event.data}\n\n".encode()
        now, has_ended = time.monotonic(), hub.state != "going"
        if hub.status and (has_ended or now - status_at >= _STATUS_EVERY_S):
            status_at = now
            yield f"event: status\ndata: {json.dumps(hub.account())}\n\n".encode()
        if has_ended:
            return
        if now - commented_at >= _COMMENT_EVERY_S:
            commented_at = now
            yield b": still here\n\n"
        await hub.news.wait(_STATUS_EVERY_S - min(now - status_at, _STATUS_EVERY_S - 0.01))
