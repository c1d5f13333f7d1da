"""Pictures and events as they flow to viewers: the newest, never more than a viewer takes."""

import asyncio
import contextlib
import json
import struct
import time

import pytest

pytest.importorskip("fastapi", reason="needs fastapi, of the extra `web`")

from starlette.websockets import WebSocketDisconnect
from web_fakes import STATUS, AnsweringHub, event, shown

from scr_live.sinks.web import streams
from scr_live.sinks.web.streams import BOUNDARY, Viewer, framed, mjpeg, server_sent


class Browser:
    """A WebSocket that the test draws for."""

    def __init__(self):
        self.pictures = []
        self.closed = None
        self.says = asyncio.Queue()

    async def accept(self):
        pass

    async def send_bytes(self, data):
        self.pictures.append(struct.unpack("!Qd", data[:16])[0])

    async def receive_text(self):
        said = await self.says.get()
        if said is None:
            raise WebSocketDisconnect
        return said

    async def close(self, code, reason=""):
        self.closed = code


async def settled():
    for _ in range(20):
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def watching(hub):
    browser = Browser()
    task = asyncio.create_task(Viewer(browser, hub).serve())
    await settled()
    yield browser
    browser.says.put_nowait(None)
    await task


def test_a_picture_says_its_frame_and_its_age():
    picture = shown(1, b"JPEG")
    index, age_s = struct.unpack("!Qd", framed(picture)[:16])
    assert index == 101
    assert age_s == pytest.approx(time.perf_counter(), abs=1.0)
    assert framed(picture)[16:] == b"JPEG"


def test_a_viewer_has_two_pictures_in_hand_at_most_and_then_the_newest():
    async def go():
        hub = AnsweringHub()
        async with watching(hub) as browser:
            for number in range(1, 10):
                hub.show(shown(number))
                await settled()
            assert browser.pictures == [101, 102]
            browser.says.put_nowait("ok")
            await settled()
            assert browser.pictures == [101, 102, 109]

    asyncio.run(go())


def test_a_slow_viewer_takes_nothing_from_a_quick_one():
    async def go():
        hub = AnsweringHub()
        async with watching(hub) as slow, watching(hub) as quick:
            for number in range(1, 51):
                hub.show(shown(number))
                quick.says.put_nowait("ok")
                await settled()
            assert quick.pictures == list(range(101, 151))
            assert slow.pictures == [101, 102]

    asyncio.run(go())


def test_a_viewer_who_draws_nothing_is_cut(monkeypatch):
    monkeypatch.setattr(streams, "PATIENCE_S", 0.01)

    async def go():
        hub = AnsweringHub()
        browser = Browser()
        viewing = asyncio.create_task(Viewer(browser, hub).serve())
        await settled()
        for number in (1, 2):
            hub.show(shown(number))
            await settled()
        await viewing
        assert browser.closed == 1008
        assert hub.viewers == 0

    asyncio.run(go())


@pytest.mark.parametrize(
    "said", ["give me more", "width", "width -1", "width 123456", "width 9\n", "width ٣"]
)
def test_a_viewer_who_says_anything_else_is_cut(said):
    async def go():
        hub = AnsweringHub()
        browser = Browser()
        browser.says.put_nowait(said)
        await Viewer(browser, hub).serve()
        assert browser.closed == 1008

    asyncio.run(go())


def test_pictures_are_made_for_those_who_watch_now():
    async def go():
        hub = AnsweringHub()
        assert hub.widths == frozenset()
        async with watching(hub) as large, watching(hub) as small:
            small.says.put_nowait("width 640")
            await settled()
            assert hub.widths == {0, 640}
            large.says.put_nowait("width 700")
            await settled()
            assert hub.widths == {640, 700}
        assert hub.widths == frozenset()

    asyncio.run(go())


def test_a_still_is_of_the_whole_picture_whatever_is_watched():
    async def go():
        hub = AnsweringHub()
        hub.answers, widths = None, []
        send = hub._send
        hub._send = lambda kind, **facts: (widths.append((kind, hub.widths)), send(kind, **facts))
        with hub.watching() as watcher:
            watcher.show_at(640)
            await hub.still()
            assert ("look", frozenset({0, 640})) in widths
            assert hub.widths == {640}

    asyncio.run(go())


def test_the_run_hears_when_somebody_watches_and_when_nobody_does():
    async def go():
        hub = AnsweringHub()
        async with watching(hub):
            assert hub.sent == [("watching", {"viewers": 1})]
        assert hub.viewers == 0
        assert hub.sent[-1] == ("watching", {"viewers": 0})

    asyncio.run(go())


def test_the_end_of_the_run_ends_the_video():
    async def go():
        hub = AnsweringHub()
        browser = Browser()
        viewing = asyncio.create_task(Viewer(browser, hub).serve())
        await settled()
        hub.end("gone")
        await viewing
        assert browser.closed == 1001

    asyncio.run(go())


@pytest.mark.parametrize("heard", [("run-ended",), ()])
def test_a_run_that_said_that_it_ends_has_not_gone(heard):
    hub = AnsweringHub()
    for kind in heard:
        hub.tell_event(*event(kind, cause="stopped"))
    hub.end("gone")
    assert hub.state == ("ended" if heard else "gone")


def test_an_endless_picture_is_complete_as_soon_as_it_is_sent():
    async def go():
        hub = AnsweringHub()
        hub.show(shown(1, b"first"))
        parts = mjpeg(hub)
        assert await anext(parts) == f"--{BOUNDARY}\r\n".encode()
        head = b"Content-Type: image/jpeg\r\nContent-Length: 5\r\n\r\n"
        assert await anext(parts) == head + f"first\r\n--{BOUNDARY}\r\n".encode()
        assert hub.viewers == 1
        hub.end("gone")
        hub.picture = None
        assert [part async for part in parts] == []
        assert hub.viewers == 0

    asyncio.run(go())


def told(parts):
    """(id, event, data) of each."""
    found = []
    for part in parts:
        lines = dict(line.split(": ", 1) for line in part.decode().splitlines() if ": " in line)
        if "event" in lines:
            found.append((lines.get("id"), lines["event"], json.loads(lines["data"])))
    return found


async def heard(hub, last_seen):
    """Everything until the end, which comes at once."""
    hub.end("gone")
    return told([part async for part in server_sent(hub, last_seen)])


def with_events(count):
    hub = AnsweringHub()
    for seq in range(1, count + 1):
        hub.tell_event(*event("ai-failed", seq, cause=f"{seq}\nid: 99"))
    return hub


@pytest.mark.parametrize(
    ("last_seen", "numbers"),
    [(None, []), (0, ["1", "2", "3"]), (1, ["2", "3"]), (3, []), (4000, ["1", "2", "3"])],
)
def test_events_go_on_where_they_were_left(last_seen, numbers):
    events = asyncio.run(heard(with_events(3), last_seen))
    assert [number for number, kind, _ in events if kind == "ai-failed"] == numbers


def test_no_fact_can_pass_for_a_line_of_the_protocol():
    (_, _, data), _ = asyncio.run(heard(with_events(1), 0))
    assert data["cause"] == "1\nid: 99"


def test_the_last_thing_told_is_the_status_with_the_end():
    number, kind, data = asyncio.run(heard(with_events(1), None))[-1]
    assert (number, kind) == (None, "status")
    assert data == {**STATUS, "viewers": 0, "run": "gone"}


def test_the_latest_thousand_events_are_kept():
    hub = with_events(1500)
    events = asyncio.run(heard(hub, 1))
    assert events[0][0] == "501"
    assert len(hub.events) == 1000


def test_the_status_comes_again_and_again(monkeypatch):
    monkeypatch.setattr(streams, "_STATUS_EVERY_S", 0.02)

    async def go():
        parts = server_sent(AnsweringHub(), None)
        found = []
        async for part in parts:
            found += told([part])
            if len(found) == 3:
                await parts.aclose()
        return found

    assert [kind for _, kind, _ in asyncio.run(go())] == ["status"] * 3
