"""A lost source comes back: nothing old passes for live, nothing is waited for, nothing piles up."""

import gc
import threading
import weakref
from contextlib import suppress
from itertools import pairwise
from time import perf_counter

import numpy as np
import pytest

from scr_live.errors import SourceError, SourceLostError, SourceNotFoundError, SourceTimeoutError
from scr_live.events import EventKind, Journal
from scr_live.frames import Frame, Signal
from scr_live.sources import SourceInfo, VideoSource, opening, reconnect, retry
from scr_live.sources.connection import MOST_SENTENCES, Retired
from scr_live.sources.live import LiveSource
from scr_live.sources.opening import LEAST_PATIENCE_S, SourceOptions, _hasty, open_lasting_source
from scr_live.sources.phantom import PhantomSource
from scr_live.sources.reconnect import DIMMED_BY, MOST_LEFT_BEHIND, Reconnecting
from scr_live.sources.retry import FIRST_S, LONGEST_S, STEADY_S, Retry
from scr_live.sources.stamps import Stamps

QUICK = SourceOptions(open_timeout_s=0.3, read_timeout_s=0.15)
PATIENT = SourceOptions()


class Fake(VideoSource):
    """Flat grey pictures, one for each value, then what `then` says: hang, stuck, end, or an error to raise.

    Hanging ends with close; stuck does not, like a driver: only `let_go` ends it.
    """

    def __init__(self, *values, then="hang", size=(8, 6), troubles=0, let_go=None):
        self._values = values
        self._then = then
        self._size = size
        self._closed = threading.Event()
        self._let_go = let_go or self._closed
        self.decode_errors = self.dropped = troubles
        self.warnings = [f"damaged {troubles} times"] if troubles else []

    @property
    def info(self):
        return SourceInfo("stream", "scope", *self._size, fps=None, is_live=True)

    def __iter__(self):
        for number, value in enumerate(self._values):
            yield self.frame(value, number)
        if isinstance(self._then, Exception):
            raise self._then
        if self._then == "hang":
            self._closed.wait()
        elif self._then == "stuck":
            self._let_go.wait()
            yield self.frame(99, 99)

    def frame(self, value, number):
        width, height = self._size
        return Frame(np.full((height, width, 3), value, np.uint8), number, number / 25, perf_counter())

    def close(self):
        self._closed.set()


class Plug:
    """Opens the fakes given to it, one after the other; without one it refuses."""

    def __init__(self, *fakes):
        self._fakes = list(fakes)
        self._lock = threading.Lock()
        self.opened = 0
        self.refused = 0

    def insert(self, *fakes):
        with self._lock:
            self._fakes.extend(fakes)

    def __call__(self):
        assert self._lock.acquire(blocking=False), "two attempts at a time"
        try:
            if not self._fakes:
                self.refused += 1
                raise SourceNotFoundError("nobody answers at scope")
            self.opened += 1
            return self._fakes.pop(0)
        finally:
            self._lock.release()


def value_of(frame):
    return int(frame.image[0, 0, 0])


def take_until(frames, wanted):
    """Take frames until one is as wanted, that one included."""
    taken = []
    for frame in frames:
        taken.append(frame)
        if wanted(frame):
            return taken
    raise AssertionError("it ended before")


def is_lost(frame):
    return frame.signal is Signal.LOST


def is_living(frame):
    return frame.signal is Signal.OK


@pytest.fixture
def journal():
    return Journal()


@pytest.fixture
def lasting(journal):
    """Open a Reconnecting and close it after the test."""
    opened = []

    def open_it(first, plug, options=QUICK):
        source = Reconnecting(first, plug, options=options, journal=journal)
        opened.append(source)
        return source

    yield open_it
    for source in opened:
        with source:
            pass


LOSSES = {
    "fails": SourceLostError("the cable was pulled"),
    "ends": "end",
    "falls silent": "hang",
    "breaks in another way": ValueError("a bug"),
}


@pytest.mark.parametrize("kind", LOSSES)
def test_whatever_happens_it_is_lost_and_comes_back(lasting, journal, kind):
    plug = Plug()
    source = lasting(Fake(30, 60, then=LOSSES[kind]), plug)
    frames = iter(source)
    before = take_until(frames, is_lost)
    assert [value_of(frame) for frame in before] == [30, 60, 60 // DIMMED_BY]
    plug.insert(Fake(120, 150))
    after = take_until(frames, is_living)
    assert value_of(after[-1]) == 120
    assert all(is_lost(frame) and value_of(frame) == 60 // DIMMED_BY for frame in after[:-1])
    assert value_of(next(frames)) == 150
    lost, back = journal.events
    assert (lost.kind, back.kind) == (EventKind.SIGNAL_LOST, EventKind.SIGNAL_BACK)
    assert back.facts["attempts"] == plug.refused + 1
    assert back.stream_s == after[-1].pts_s
    assert back.facts["lost_s"] == pytest.approx(after[-1].pts_s - before[1].pts_s, abs=0.05)


def test_numbers_and_times_go_on_over_losses(lasting):
    plug = Plug(*(Fake(value, value, then=SourceLostError("again")) for value in (40, 50, 60)))
    frames = iter(lasting(Fake(30, 30, then=SourceLostError("gone")), plug))
    taken = [frame for value in (40, 50, 60) for frame in take_until(frames, lambda f: value_of(f) == value)]  # noqa: B023
    assert [frame.index for frame in taken] == list(range(len(taken)))
    assert taken[0].pts_s == 0
    assert all(later.pts_s > earlier.pts_s for earlier, later in pairwise(taken))
    assert all(later.captured_at >= earlier.captured_at for earlier, later in pairwise(taken))


def test_a_loss_is_told_once_and_without_a_secret(lasting, journal):
    plug = Plug()
    source = lasting(Fake(30, then=ValueError("rtsp://me:hunter2@scope")), plug)
    frames = iter(source)
    while plug.refused < 3:
        next(frames)
    assert [event.kind for event in journal.events] == [EventKind.SIGNAL_LOST]
    assert journal.events[0].facts == {"cause": "ValueError"}


def test_silence_is_told_with_its_limit(lasting, journal):
    take_until(iter(lasting(Fake(30), Plug())), is_lost)
    assert "none came for 0.15 s" in journal.events[0].facts["cause"]


def test_a_slow_source_is_given_three_of_its_intervals(journal):
    class Slow(Fake):
        @property
        def info(self):
            return SourceInfo("stream", "scope", 8, 6, fps=2, is_live=True)

    with Reconnecting(Slow(30), Plug(), options=QUICK, journal=journal) as source:
        take_until(iter(source), is_lost)
    assert "none came for 1.5 s" in journal.events[0].facts["cause"]


def test_another_size_is_told(lasting, journal):
    frames = iter(lasting(Fake(30, then="end"), Plug(Fake(120, size=(16, 10)))))
    new = take_until(frames, lambda frame: value_of(frame) == 120)[-1]
    assert new.image.shape == (10, 16, 3)
    assert [event.kind for event in journal.events][-1] is EventKind.SIZE_CHANGED
    assert journal.events[-1].facts == {"width": 16, "height": 10, "width_before": 8, "height_before": 6}


def test_what_a_stuck_reader_brings_later_is_never_shown(lasting):
    let_go = threading.Event()
    plug = Plug(Fake(120, 150))
    frames = iter(lasting(Fake(30, then="stuck", let_go=let_go), plug))
    take_until(frames, lambda frame: value_of(frame) == 120)
    let_go.set()
    rest = take_until(frames, is_lost)
    assert [value_of(frame) for frame in rest] == [150, 50]


def test_stuck_readers_do_not_pile_up_and_are_named(journal):
    let_go = threading.Event()
    plug = Plug(*(Fake(40, then="stuck", let_go=let_go) for _ in range(10)))
    try:
        with Reconnecting(
            Fake(30, then="stuck", let_go=let_go), plug, options=QUICK, journal=journal
        ) as source:
            frames = iter(source)
            while plug.opened < MOST_LEFT_BEHIND - 1:
                next(frames)
            rest = [next(frames) for _ in range(5)]  # placeholders, during which it could try
            assert all(map(is_lost, rest[1:]))
        assert plug.opened == MOST_LEFT_BEHIND - 1
        assert any("left behind" in warning for warning in source.warnings)
    finally:
        let_go.set()


def test_that_nothing_is_tried_any_more_is_told_once_with_what_to_do(lasting, journal, monkeypatch):
    monkeypatch.setattr(reconnect, "CROWDED_S", 0.1)
    let_go = threading.Event()
    plug = Plug(*(Fake(40, then="stuck", let_go=let_go) for _ in range(10)))
    source = lasting(Fake(30, then="stuck", let_go=let_go), plug)
    try:
        frames = iter(source)
        while not any("not opened again" in warning for warning in source.warnings):
            next(frames)
        for _ in range(3):
            next(frames)
        told = [event for event in journal.events if "not opened again" in event.facts.get("cause", "")]
        assert [event.kind for event in told] == [EventKind.SIGNAL_LOST]
        assert "Unplug the device and plug it in again" in told[0].facts["cause"]
    finally:
        let_go.set()
    opened = plug.opened
    take_until(frames, lambda frame: plug.opened > opened)  # they ended: it is tried again by itself


class Receiving(Fake):
    """Gets packets, whatever becomes of them."""

    receives = True


def test_a_source_that_receives_keeps_its_connection(lasting, journal):
    let_go = threading.Event()
    plug = Plug()
    frames = iter(lasting(Receiving(30, then="stuck", let_go=let_go), plug))
    assert [value_of(frame) for frame in take_until(frames, is_lost)] == [30, 10]
    assert "although packets come" in journal.events[0].facts["cause"]
    next(frames)
    let_go.set()
    assert value_of(take_until(frames, is_living)[-1]) == 99
    assert journal.events[1].facts["attempts"] == plug.refused == 0


def test_a_source_that_receives_and_hangs_is_opened_again_in_the_end(lasting, journal, monkeypatch):
    monkeypatch.setattr(reconnect, "UNDECODED_S", 0.5)
    frames = iter(lasting(Receiving(30, then="hang"), Plug(Fake(120))))
    take_until(frames, is_lost)
    assert value_of(take_until(frames, is_living)[-1]) == 120
    assert journal.events[1].facts["attempts"] == 1
    assert 0.5 <= journal.events[1].facts["lost_s"] < 2


def test_a_system_without_threads_to_spare_costs_an_attempt(lasting, journal, monkeypatch):
    source = lasting(Fake(30, then="end"), Plug(Fake(120)))
    failures = iter([RuntimeError("can't start new thread")] * 2)

    class Refused(reconnect.Connection):
        def __init__(self, *args, **options):
            if (error := next(failures, None)) is not None:
                raise error
            super().__init__(*args, **options)

    monkeypatch.setattr(reconnect, "Connection", Refused)
    frames = iter(source)
    assert value_of(take_until(frames, lambda frame: value_of(frame) == 120)[-1]) == 120
    assert journal.events[1].facts["attempts"] == 3


def test_to_stop_while_it_connects_is_no_hang(journal):
    connecting, let_go = threading.Event(), threading.Event()

    def open_again():
        connecting.set()
        let_go.wait()
        raise SourceNotFoundError("nobody answers at scope")

    try:
        with Reconnecting(Fake(30, then="end"), open_again, options=PATIENT, journal=journal) as source:
            frames = iter(source)
            while not connecting.is_set():
                next(frames)
        assert source.warnings == []
    finally:
        let_go.set()


def test_an_opening_that_hangs_is_given_up(lasting):
    let_go = threading.Event()
    opened = threading.Event()

    def open_again():
        if not opened.is_set():
            opened.set()
            let_go.wait()
            raise SourceNotFoundError("too late")
        return Fake(120)

    try:
        frames = iter(lasting(Fake(30, then="end"), open_again))
        assert value_of(take_until(frames, is_living)[-1]) == 30
        assert value_of(take_until(frames, is_living)[-1]) == 120
    finally:
        let_go.set()


@pytest.mark.parametrize("then", ["hang", "end"])
def test_closing_ends_the_iteration_at_once(lasting, then):
    source = lasting(Fake(30, then=then), Plug(), PATIENT)
    started, ended = threading.Event(), threading.Event()

    def consume():
        for frame in source:
            if is_lost(frame) or then == "hang":
                started.set()
        ended.set()

    thread = threading.Thread(target=consume)
    thread.start()
    assert started.wait(10)
    source.close()
    assert ended.wait(10)
    thread.join()


def test_after_hundreds_of_losses_only_the_sums_are_left(lasting, journal, monkeypatch):
    monkeypatch.setattr(retry, "FIRST_S", 0)
    fakes = [Fake(40, then="end", troubles=2) for _ in range(300)]
    alive = weakref.WeakSet(fakes)
    plug = Plug(*fakes)
    source = lasting(Fake(30, then="end", troubles=2), plug)
    fakes.clear()
    frames = iter(source)
    while plug.refused == 0:
        next(frames)
    assert journal.counts["signal-back"] == 300
    assert (source.decode_errors, source.warnings) == (602, ["damaged 2 times"])
    assert source.dropped >= 602
    gc.collect()
    assert len(alive) <= 2
    assert source._retired.ending <= 1


@pytest.mark.parametrize("then", ["phantom", "exit"])
def test_what_ends_by_itself_or_shall_end_is_left_as_it_is(tmp_path, make_clip, loopback, journal, then):
    if then == "phantom":
        with open_lasting_source("phantom:size=64x48,live=1", PATIENT, journal=journal) as source:
            assert type(source) is PhantomSource
        return
    clip = make_clip(tmp_path / "s.ts", 30, options={"g": "5", "bf": "0", "preset": "ultrafast"})
    options = SourceOptions(on_loss="exit")
    with (
        loopback(clip.read_bytes(), hang_up=True) as server,
        open_lasting_source(f"tcp://127.0.0.1:{server.port}", options, journal=journal) as source,
    ):
        assert type(source) is LiveSource
        with pytest.raises(SourceLostError):
            list(source)
    assert journal.events == []


@pytest.mark.parametrize(
    ("kind", "patience_s", "wait"),
    [
        ("stream", 6.0, {"connect_timeout_s": 6.0}),
        ("stream", 18.0, {"connect_timeout_s": 10.0}),
        ("camera", 1.5, {"open_timeout_s": 1.5}),
        ("camera", 18.0, {"open_timeout_s": 10.0}),
    ],
)
def test_patience_is_cut_where_it_lets_a_key_frame_be_waited_for(kind, patience_s, wait):
    assert _hasty(kind, PATIENT, patience_s) == SourceOptions(**wait)


def test_every_opening_that_ran_out_of_time_gives_the_next_one_more(monkeypatch, journal):
    """A sender that needs five seconds to answer is not found with less, however often it is tried."""
    asked = []

    def open_source(spec, options, *, tap):
        patience_s = options.connect_timeout_s or options.open_timeout_s
        asked.append(patience_s)
        if len(asked) > 1 and patience_s < 5:
            raise SourceTimeoutError("nothing usable came")
        return Fake(30 * len(asked), then="end")

    monkeypatch.setattr(opening, "open_source", open_source)
    monkeypatch.setattr(retry, "FIRST_S", 0)
    with open_lasting_source("tcp://scope:1", PATIENT, journal=journal) as source:
        take_until(iter(source), lambda frame: is_living(frame) and len(asked) > 3)
    assert asked[:4] == [PATIENT.open_timeout_s, LEAST_PATIENCE_S, 2 * LEAST_PATIENCE_S, 4 * LEAST_PATIENCE_S]


def test_patience_is_bounded_and_begins_anew_after_a_success(monkeypatch):
    asked, answers = (
        [],
        iter([None, *[SourceTimeoutError("silent")] * 5, SourceNotFoundError("no"), None, None]),
    )

    def open_source(spec, options, *, tap):
        asked.append(options.open_timeout_s)
        if (error := next(answers)) is not None:
            raise error

    monkeypatch.setattr(opening, "open_source", open_source)
    opener = opening._Opener("/dev/video0", "camera", PATIENT, None)
    opener.first()
    for _ in range(8):
        with suppress(SourceError):
            opener.again()
    assert asked == [10, 1.5, 3, 6, 10, 10, 10, 10, 1.5]


def test_a_source_that_is_lost_right_after_it_came_back_is_not_tried_ever_faster():
    retry = Retry(longest_attempt_s=5, jitter=lambda: 1.0)
    now, found = 100.0, []
    for _ in range(4):
        retry.lost(now)
        found.append(max(retry.due_at - now, 0))
        now = max(retry.due_at, now)
        retry.begin(now)
    assert found == pytest.approx([0, FIRST_S, 2 * FIRST_S, LONGEST_S])
    retry.lost(now + STEADY_S)
    assert retry.due_at <= now


def test_warnings_of_hundreds_of_connections_are_bounded():
    retired = Retired()
    for number in range(1000):
        retired.note([f"packet {number} could not be written"])
    assert len(retired.warnings) == MOST_SENTENCES


def test_a_first_opening_that_fails_fails(free_port, journal):
    with pytest.raises(SourceNotFoundError):
        open_lasting_source(f"tcp://127.0.0.1:{free_port}", PATIENT, journal=journal)


@pytest.mark.parametrize(
    ("jitter", "distances"),
    [(1.0, [FIRST_S, 2 * FIRST_S, LONGEST_S, LONGEST_S]), (0.0, [0.125, 0.25, 0.5, 0.5])],
)
def test_attempts_grow_apart_and_keep_a_bound(jitter, distances):
    retry = Retry(longest_attempt_s=5, jitter=lambda: jitter)
    now, found = 100.0, []
    assert retry.due_at <= now  # the first at once
    for _ in distances:
        retry.begin(now)
        retry.failed()
        found.append(retry.due_at - now)
        now = retry.due_at
    assert found == pytest.approx(distances)
    assert retry.attempts == 4
    retry.lost(now + STEADY_S)
    assert (retry.attempts, retry.due_at <= now) == (0, True)


def frame_at(captured_at, pts_s):
    return Frame(np.zeros((2, 2, 3), np.uint8), 0, pts_s, captured_at)


@pytest.mark.parametrize("restart_s", [0.0, 1000.0, None])
def test_a_gap_stands_in_the_times(restart_s):
    now = 50.0
    stamps = Stamps(lambda: now)
    first = stamps.living(frame_at(50.0, 7.0))
    second = stamps.living(frame_at(50.05, 7.04))
    now = 51.04
    placeholder = stamps.placeholder(first.image)
    stamps.connect()
    back = stamps.living(frame_at(53.05, restart_s))
    times = [frame.pts_s for frame in (first, second, placeholder, back)]
    assert times == pytest.approx([0, 0.04, 1.03, 3.04])
    assert [frame.index for frame in (first, second, placeholder, back)] == [0, 1, 2, 3]
    assert placeholder.captured_at == now


def test_times_increase_even_if_the_container_stands_still():
    stamps = Stamps(lambda: 0.0)
    times = [stamps.living(frame_at(0.0, 3.0)).pts_s for _ in range(4)]
    assert all(later > earlier for earlier, later in pairwise(times))
