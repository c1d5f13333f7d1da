"""What the page shows and asks, in a real browser, of a run that the test tells what to be."""

import contextlib
import socket
import time

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="needs fastapi, of the extra `web`")
pytest.importorskip("playwright.sync_api", reason="needs playwright, of the extra `dev`")

from web_fakes import event
from web_pages import LOOK, SIZE, ToldPage
from websockets.sync.client import connect

from scr_live.phantom.counter import COLUMNS, ROWS, counter_box, number_of

pytestmark = pytest.mark.timeout(180)
BAND = "document.querySelector('#band')"
TITLE = "document.querySelector('#bar-title').textContent"


@pytest.fixture(scope="module")
def told():
    with ToldPage() as telling:
        yield telling


@contextlib.contextmanager
def opened(browser, told):
    """The page, once it shows a living picture."""
    context = browser.new_context(bypass_csp=True, viewport={"width": 1280, "height": 720})
    page = context.new_page()
    page.add_init_script(LOOK)
    page.goto(told.url)
    page.wait_for_function(f"{TITLE} == 'Live'", timeout=60_000)
    yield page
    context.close()


@pytest.fixture
def page(browser, told):
    with opened(browser, told) as shown:
        yield shown
    told.tell(signal="ok", ai="on", run="going")


def becomes(page, what):
    page.wait_for_function(what, timeout=60_000)


def until(page, is_so):
    """Wait for something that is not the page's."""
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end
        page.wait_for_timeout(20)


def test_the_picture_on_the_page_is_the_one_that_was_sent_whole_and_in_turn(page):
    share = np.divide(counter_box(*SIZE), (*SIZE, *SIZE)).tolist()
    told = page.evaluate("([box, seconds]) => look(box, seconds)", [share, 3])
    numbers = [number_of(np.reshape(cells, (ROWS, COLUMNS))) for _, cells in told["seen"]]
    assert len(numbers) > 1
    assert None not in numbers
    assert numbers == sorted(set(numbers))


def test_a_lost_signal_stands_over_all_else_and_goes_away_with_its_cause(page, told):
    told.tell(signal="lost")
    becomes(page, f"!{BAND}.hidden")
    assert page.inner_text("#band-title").upper() == "NO SIGNAL"
    middle = """() => { const stage = document.querySelector('#stage').getBoundingClientRect();
        const at = document.elementFromPoint(stage.x + stage.width / 2, stage.y + stage.height / 2);
        return Boolean(at.closest('#band')); }"""
    assert page.evaluate(middle)
    assert page.evaluate("getComputedStyle(document.querySelector('#picture')).filter") != "none"
    band, stage = page.locator("#band").bounding_box(), page.locator("#stage").bounding_box()
    assert band["width"] > 0.9 * stage["width"]
    assert page.get_attribute("#bar", "data-level") == "alarm"
    assert "No signal" in page.title()
    told.tell(signal="ok")
    becomes(page, f"{BAND}.hidden && {TITLE} == 'Live'")
    assert page.evaluate("getComputedStyle(document.querySelector('#picture')).filter") == "none"


def test_ai_off_is_said_above_and_beside_a_picture_that_stays_free(page, told):
    told.tell(ai="off")
    becomes(page, f"{TITLE} == 'AI off'")
    assert page.get_attribute("#bar", "data-level") == "warn"
    assert page.inner_text("#state-ai h2") == "AI off"
    assert page.evaluate(f"{BAND}.hidden")
    told.tell(ai="on")
    becomes(page, f"{TITLE} == 'Live'")


def test_keys_reach_the_run(page, told):
    before = len(told.wanted())
    for key in ("o", "+", "s", "w"):
        page.keyboard.press(key)
    until(page, lambda: len(told.wanted()) == before + 4)
    asked = told.wanted()[before:]
    assert {"overlay": False} in asked
    assert {"threshold": 0.55} in asked
    assert {"snapshot": True} in asked
    assert {"withdrawal": True} in asked


def test_keys_change_the_view_and_can_be_switched_off(page, told):
    page.keyboard.press("?")
    becomes(page, "document.querySelector('#help').open")
    page.uncheck("#keys-on")
    page.keyboard.press("Escape")
    becomes(page, "!document.querySelector('#help').open")
    before = len(told.wanted())
    page.keyboard.press("o")
    page.keyboard.press("f")
    assert not page.evaluate("document.body.classList.contains('full')")
    page.click("#keys")
    page.check("#keys-on")
    page.keyboard.press("Escape")
    page.keyboard.press("f")
    becomes(page, "document.body.classList.contains('full')")
    assert len(told.wanted()) == before


def test_the_page_tells_how_many_pixels_it_shows(page, told):
    def fitting():
        box = page.locator("#picture").bounding_box()
        return round(min(box["width"], box["height"] * SIZE[0] / SIZE[1]))

    def asked_for(width):
        return any(abs(wanted - width) <= 2 for wanted in told.hub.widths)

    wide = fitting()
    becomes(page, "document.querySelector('#picture').width == 320")
    until(page, lambda: asked_for(wide))
    page.set_viewport_size({"width": 500, "height": 900})
    narrow = fitting()
    assert narrow < wide
    until(page, lambda: asked_for(narrow))


def test_viewers_who_take_nothing_leave_every_picture_to_the_page(browser):
    with ToldPage() as told, opened(browser, told) as page:
        told.stop_beating()
        host, port = told.url.split("/")[2].split(":")
        address = f"ws://{host}:{port}/ws/video"
        with connect(address, compression=None, proxy=None), socket.create_connection((host, port)) as deaf:
            deaf.sendall(f"GET /video.mjpeg HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
            until(page, lambda: told.hub.viewers == 3)
            for number in range(5001, 5031):
                told.show(number)
                becomes(page, f"document.querySelector('#picture').dataset.frame == {number}")


def test_where_no_websocket_gets_through_the_page_shows_motion_jpeg(browser):
    with ToldPage() as told:
        context = browser.new_context(bypass_csp=True)
        page = context.new_page()
        page.route_web_socket("**/ws/video", lambda socket: socket.close())
        page.goto(told.url)
        becomes(page, f"!document.querySelector('#motion').hidden && {TITLE} == 'Live'")
        assert page.evaluate("document.querySelector('#motion').naturalWidth") == SIZE[0]
        assert page.evaluate("document.querySelector('#picture').hidden")
        context.close()


@pytest.mark.parametrize("is_status_lost", [False, True])
def test_the_end_of_a_run_is_its_end_whatever_of_it_arrives(browser, is_status_lost):
    with ToldPage() as told, opened(browser, told) as page:
        if is_status_lost:
            told.do(lambda hub: hub.tell_event(*event("run-ended", cause="stopped")))
        else:
            told.tell(run="ended")
        told.do(lambda hub: hub.end("gone"))
        becomes(page, f"{TITLE} == 'The run has ended' && !{BAND}.hidden")
