"""HTTP and WebSocket connections that nobody can hold for ever by sending or taking nothing."""

import asyncio
from itertools import chain
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

HEAD_S: Final = 10.0
"""For a whole request's head, from the connection or from its first byte on."""
STILL_S: Final = 10.0
"""What waits to be taken may wait without any being taken."""
HANDSHAKE_S: Final = 10.0
"""For that of TLS."""
MOST_IDLE: Final = 128
"""Connections that have asked for nothing, or for nothing more: of more than these one is cut.

So nobody keeps others out by opening many: who asks at once is answered at once.
"""


class PatientLoop(asyncio.SelectorEventLoop):
    """An event loop in which a handshake does not wait for long: uvicorn has no word for it."""

    async def create_server(self, *args: Any, **facts: Any) -> asyncio.Server:  # noqa: ANN401 - handed on
        """Listen as usual."""
        if facts.get("ssl") is not None:
            facts["ssl_handshake_timeout"] = HANDSHAKE_S
        return await super().create_server(*args, **facts)


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


class _Idle:
    """The connections of this process that nobody is answered on; of one event loop.

    Those with an answer are cut first: they lose nothing, while the first request of another may be coming,
    however many are answered before it is read.
    """

    def __init__(self) -> None:
        self._answered: dict[PatientHttp, None] = {}  # the oldest first, as below
        self._new: dict[PatientHttp, None] = {}

    def add_new(self, connection: "PatientHttp") -> None:
        """Note one that has asked for nothing yet."""
        self._new[connection] = None
        self._keep_few(connection)

    def add_answered(self, connection: "PatientHttp") -> None:
        """Note one that has its answer."""
        self._answered[connection] = None
        self._keep_few(connection)

    def _keep_few(self, newest: "PatientHttp") -> None:
        if len(self._answered) + len(self._new) <= MOST_IDLE:
            return
        one = next(each for each in chain(self._answered, self._new) if each is not newest)
        self.remove(one)
        one.transport.abort()

    def remove(self, connection: "PatientHttp") -> None:
        """It asks for something, or has left."""
        self._answered.pop(connection, None)
        self._new.pop(connection, None)


_idle = _Idle()


class PatientHttp(_CutWhenNotTaken, H11Protocol):
    """Cut when a request's head does not come, or the answer is not taken, or too many others are idle."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._head = _Timer()
        self._head.start(HEAD_S, transport)
        _idle.add_new(self)

    def data_received(self, data: bytes) -> None:
        """Wait no longer once the head of a request is there."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._head.start(HEAD_S, self.transport)
        else:
            self._head.stop()
            _idle.remove(self)

    def on_response_complete(self) -> None:
        """Wait for the next request; a body that comes only now is of no use, and could come for ever."""
        is_late = self.conn.their_state is h11.SEND_BODY
        super().on_response_complete()
        if is_late:
            self.transport.close()
        elif self.conn.their_state is h11.IDLE:
            _idle.add_answered(self)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand over: another protocol watches from here on."""
        self._head.stop()
        _idle.remove(self)
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing."""
        self._head.stop()
        _idle.remove(self)
        super().connection_lost(exc)


class PatientWebSocket(_CutWhenNotTaken, WebSocketsSansIOProtocol):
    """Cut when what was sent is not taken."""
