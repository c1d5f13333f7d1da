"""What every source promises, whatever it reads from. A new source joins by a line in SOURCES."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice, pairwise
from time import perf_counter

import cv2
import numpy as np
import pytest

from scr_live.errors import SourceError
from scr_live.events import Journal
from scr_live.sources import VideoSource
from scr_live.sources.opening import SourceOptions, open_source

KINDS = {"file", "camera", "stream", "images", "phantom"}
IMPATIENT = SourceOptions(open_timeout_s=10, read_timeout_s=0.4)


@dataclass
class Bench:
    """What the openers below need of pytest."""

    tmp_path: object
    make_clip: Callable
    loopback: type
    stack: ExitStack


def from_file(bench):
    return open_source(str(bench.make_clip(bench.tmp_path / "clip.mp4", 12)))


def from_a_paced_file(bench):
    clip = bench.make_clip(bench.tmp_path / "clip.mp4", 12, pts=[i / 200 for i in range(11)] + [3600.0])
    return open_source(str(clip), SourceOptions(realtime=True))


def from_a_looping_file(bench):
    return open_source(str(bench.make_clip(bench.tmp_path / "clip.mp4", 4)), SourceOptions(loop=True))


def from_images(bench):
    for i in range(12):
        picture = np.full((48, 64, 3), i * 20, np.uint8)
        (bench.tmp_path / f"{i}.png").write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    return open_source(str(bench.tmp_path))


def from_a_stream(bench):
    clip = bench.make_clip(
        bench.tmp_path / "clip.ts", 60, options={"bf": "0", "g": "5", "preset": "ultrafast"}
    )
    server = bench.stack.enter_context(bench.loopback(clip.read_bytes()))
    return open_source(f"tcp://127.0.0.1:{server.port}", IMPATIENT)


def from_a_device(bench):
    from scr_live.sources.camera import Device, open_device  # noqa: PLC0415  like the other openers: when used

    return open_device(Device("lavfi", "testsrc=size=64x48:rate=25"), "pattern", IMPATIENT)


def from_a_source_that_comes_back(bench):
    from scr_live.sources.camera import Device, open_device  # noqa: PLC0415
    from scr_live.sources.reconnect import Reconnecting  # noqa: PLC0415

    def open_again():
        return open_device(Device("lavfi", "testsrc=size=64x48:rate=25"), "pattern", IMPATIENT)

    return Reconnecting(open_again(), open_again, options=IMPATIENT, journal=Journal())


def from_phantom(bench):
    pytest.importorskip("scr_live.sources.phantom")
    return open_source("phantom:size=64x48")


SOURCES = [
    from_file,
    from_a_paced_file,
    from_a_looping_file,
    from_images,
    from_a_stream,
    from_a_device,
    from_a_source_that_comes_back,
    from_phantom,
]


@contextmanager
def ending_with_a_source_error() -> Iterator[None]:
    """Live sources may run out or fall silent at any time: that is one of ours, never a vendor's error."""
    with suppress(SourceError):
        yield


@pytest.fixture(params=SOURCES, ids=lambda opener: opener.__name__)
def source(request, tmp_path, make_clip, loopback) -> Iterator[VideoSource]:
    with ExitStack() as stack, request.param(Bench(tmp_path, make_clip, loopback, stack)) as opened:
        yield opened


def test_the_info_is_sane_and_true(source):
    info = source.info
    assert info.kind in KINDS
    assert info.name
    assert info.width > 0
    assert info.height > 0
    assert info.fps is None or info.fps > 0
    assert info.frame_count is None or info.frame_count > 0
    assert source.info == info
    assert next(iter(source)).image.shape == (info.height, info.width, 3)


def test_frames_are_in_order_and_read_only(source):
    before = perf_counter()
    frames = []
    with ending_with_a_source_error():
        frames.extend(islice(source, 6))
    assert len(frames) >= 1
    indices = [frame.index for frame in frames]
    assert indices == list(range(len(frames)))
    for frame in frames:
        assert frame.image.dtype == np.uint8
        assert frame.image.shape == frames[0].image.shape
        assert frame.image.flags.c_contiguous
        assert not frame.image.flags.writeable
        assert frame.captured_at <= perf_counter()
    for earlier, later in pairwise(frames):
        assert later.captured_at >= earlier.captured_at >= 0
        assert later.pts_s is None or earlier.pts_s is None or later.pts_s >= earlier.pts_s
    assert frames[-1].captured_at >= before or len(frames) == 1
    assert frames[0].pts_s in (0, None)


def test_a_frame_is_not_touched_after_it_was_handed_out(source):
    frames = iter(source)
    first = next(frames)
    copy = first.image.copy()
    with ending_with_a_source_error():
        list(islice(frames, 5))
    assert np.array_equal(first.image, copy)


def test_closing_twice_is_closing_once(source):
    source.close()
    source.close()


def test_after_closing_nothing_comes(source):
    frames = iter(source)
    next(frames)
    source.close()
    with ending_with_a_source_error():
        assert list(frames) == []
        assert list(source) == []


def test_closing_from_another_thread_ends_the_iteration(source):
    started = threading.Event()
    failures = []

    def consume():
        try:
            for _ in source:
                started.set()
        except SourceError:
            started.set()
        except BaseException as error:  # noqa: BLE001  whatever it is, the test shall show it
            failures.append(error)

    thread = threading.Thread(target=consume, name="consumer")
    thread.start()
    assert started.wait(10)
    source.close()
    thread.join(10)
    assert not thread.is_alive()
    assert failures == []
