"""What tests share: tiny clips whose frame number can be read from the pixels, and no thread left behind."""

import contextlib
import random
import signal
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Self

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray

settings.register_profile("no clock", deadline=None)  # a busy machine is no defect
settings.load_profile("no clock")

# In the background of a shell, or under nohup, these are ignored, and what the tests start inherits it.
for number in {signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGINT)}:
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler)

NUMBER_BITS = 8
CLIP_TIME_BASE = Fraction(1, 90_000)

Picture = NDArray[np.uint8]
ClipMaker = Callable[..., Path]


_FOR_GOOD = {"heap"}
"""Threads of the program itself, begun once (`scr_live.heap`)."""


@pytest.fixture(autouse=True)
def _no_thread_is_left_behind() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = [one for one in threading.enumerate() if one not in before and one.name not in _FOR_GOOD]
    for thread in left:
        thread.join(2.0)
    alive = [thread.name for thread in left if thread.is_alive()]
    assert not alive, f"threads left behind: {alive}"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20240229)


@pytest.fixture
def numbered() -> Callable[[int, int, int], Picture]:
    """(number, width, height) -> a picture of eight upright bars, bright for 1, most significant bit left."""
    return _numbered


@pytest.fixture
def number_in() -> Callable[[Picture], int]:
    """Read the number back, from any picture that shows the bars upright."""
    return _number_in


@pytest.fixture
def make_clip() -> ClipMaker:
    """Encode a clip; see _make_clip for the arguments."""
    return _make_clip


def _numbered(number: int, width: int, height: int) -> Picture:
    bit = NUMBER_BITS - 1 - np.arange(width) * NUMBER_BITS // width
    row = ((number >> bit & 1) * 180 + 40).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(row[None, :, None], (height, width, 3)))


def _number_in(image: Picture) -> int:
    height, width = image.shape[:2]
    middles = [(2 * bar + 1) * width // (2 * NUMBER_BITS) for bar in range(NUMBER_BITS)]
    return int("".join(str(int(image[height // 2, x].mean() > 128)) for x in middles), 2)


def _make_clip(  # noqa: PLR0913  a clip has that many sides, all optional
    path: Path,
    frames: "int | Iterable[Picture | object]" = 10,
    *,
    width: int = 64,
    height: int = 48,
    fps: float = 25,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    pts: Sequence[float] | None = None,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    container_format: str | None = None,
    tags: dict[str, object] | None = None,
) -> Path:
    """Encode `frames` (how many numbered ones, or RGB arrays, or av.VideoFrames as they are) to `path`.

    `pts`: seconds, one a frame (default index / fps). `tags`: attributes of the codec context, such as
    colorspace, color_range or sample_aspect_ratio.
    """
    import av  # noqa: PLC0415  tests that need no clip should not load FFmpeg

    pictures = (
        [_numbered(i, width, height) for i in range(frames)] if isinstance(frames, int) else list(frames)
    )
    with av.open(path, "w", format=container_format, options=container_options or {}) as container:
        rate = Fraction(fps).limit_denominator(1001)
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        if codec not in ("mpeg2video", "mpeg4"):  # these insist on the frame rate as their clock
            stream.codec_context.time_base = CLIP_TIME_BASE
        for name, value in (tags or {}).items():
            setattr(stream.codec_context, name, value)
        for index, picture in enumerate(pictures):
            frame = picture
            if isinstance(picture, np.ndarray):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pix_fmt)
            base = stream.codec_context.time_base or 1 / rate
            frame.pts = round((index / rate if pts is None else pts[index]) / base)
            frame.time_base = base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


class Loopback:
    """A one-connection TCP server: answers with `payload`, then stays silent, or hangs up."""

    def __init__(self, payload: bytes = b"", *, hang_up: bool = False, http: bool = False) -> None:
        self.connections = 0
        length = b"Content-Length: %d\r\n" % len(payload) if hang_up else b""
        head = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\n" + length + b"\r\n"
        self._payload = (head if http else b"") + payload
        self._http = http
        self._hang_up = hang_up
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="loopback-server")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        with contextlib.suppress(OSError):  # wakes accept()
            socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection:
            if self._stopped.is_set():
                return
            self.connections += 1
            with contextlib.suppress(OSError):
                if self._http:
                    connection.recv(4096)
                connection.sendall(self._payload)
            if not self._hang_up:
                self._stopped.wait()


@pytest.fixture
def loopback() -> type[Loopback]:
    """Loopback(payload, hang_up=, http=) as a context manager with `port` and `connections`."""
    return Loopback


_PORTS = iter(random.SystemRandom().sample(range(20_000, 32_000), 2_000))
"""Below those that Linux and macOS give to outgoing connections, in another order for each run."""


@pytest.fixture
def free_port() -> int:
    """Return a port on 127.0.0.1 that nobody has, over TCP or UDP, and that no other test was given."""
    return next(port for port in _PORTS if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        try:
            for probe in (tcp, udp):
                probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
