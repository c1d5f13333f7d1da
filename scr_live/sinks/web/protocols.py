"""HTTP and WebSocket connections that nobody can hold for ever by sending or taking nothing."""

import asyncio
from typing import Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

HEAD_S: Final = 10.0
"""For a whole request's head, from the connection or from its first byte on."""
STILL_S: Final = 10.0
"""What waits to be taken may wait without any being taken."""


class _Timer:
    def __init__(self) -> None:
        self._handle: asyncio.TimerHandle | None = None

    def start(self, after_s: float, transport: asyncio.Transport) -> None:
        if self._handle is None:
            self._handle = asyncio.get_running_loop().call_later(after_s, transport.abort)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


class _CutWhenNotTaken(asyncio.Protocol):
    """Comes before a protocol of uvicorn's."""

    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._still = _Timer()
        super().connection_made(transport)

    def pause_writing(self) -> None:
        """Nothing more fits into the connection."""
        super().pause_writing()
        self._still.start(STILL_S, self.transport)

    def resume_writing(self) -> None:
        """Something was taken."""
        super().resume_writing()
        self._still.stop()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing."""
        self._still.stop()
        super().connection_lost(exc)


class PatientHttp(_CutWhenNotTaken, H11Protocol):
    """Cut when a request's head does not come, or the answer is not taken."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._head = _Timer()
        self._head.start(HEAD_S, transport)

    def data_received(self, data: bytes) -> None:
        """Wait no longer once the head of a request is there."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._head.start(HEAD_S, self.transport)
        else:
            self._head.stop()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand over: another protocol watches from here on."""
        self._head.stop()
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing."""
        self._head.stop()
        super().connection_lost(exc)


class PatientWebSocket(_CutWhenNotTaken, WebSocketsSansIOProtocol):
    """Cut when what was sent is not taken."""
