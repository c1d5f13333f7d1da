"""A run in a real browser: the picture moves, controls reach the run, tokens are needed."""

import time
import urllib.request

import pytest

pytest.importorskip("fastapi", reason="needs fastapi, of the extra `web`")
pytest.importorskip("playwright.sync_api", reason="needs playwright, of the extra `dev`")

from web_runs import Run

pytestmark = pytest.mark.timeout(180)

WATCH = """
window.seen = [];
window.watch = drawn => {
  const socket = new WebSocket(`ws://${location.host}/ws/video`);
  socket.binaryType = "arraybuffer";
  socket.onclose = closed => window.ending = closed.code;
  socket.onmessage = async ({ data }) => {
    const head = new DataView(data);
    const picture = await createImageBitmap(new Blob([data.slice(16)], { type: "image/jpeg" }));
    window.seen.push({ index: head.getUint32(4), age: head.getFloat64(8), width: picture.width });
    if (drawn) socket.send("ok");
  };
};
"""
"""What any page does that shows the video; in place of ours, which other tests are about."""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with Run(tmp_path_factory.mktemp("run")) as running:
        yield running


@pytest.fixture
def page(browser, run):
    context = browser.new_context(bypass_csp=True)
    opened = context.new_page()
    opened.add_init_script(WATCH)
    opened.goto(run.url)
    yield opened
    context.close()


def seen(page):
    return page.evaluate("window.seen")


def waits_for(page, count):
    page.wait_for_function(f"window.seen.length >= {count}", timeout=60_000)


def status(page):
    return page.evaluate("fetch('/api/status').then(answer => answer.json())")


def until(is_so, *, within_s=60):
    """Wait for something that Python asks the page; a promise that a page waits for would be true at once."""
    end = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_the_picture_moves(page):
    page.evaluate("window.watch(true)")
    waits_for(page, 20)
    pictures = seen(page)
    indices = [picture["index"] for picture in pictures]
    assert indices == sorted(set(indices))
    assert {picture["width"] for picture in pictures} == {64}
    assert all(picture["age"] >= 0 for picture in pictures)


def test_an_img_shows_it_too(page):
    page.evaluate("document.body.innerHTML = '<img src=/video.mjpeg>'")
    page.wait_for_function("document.querySelector('img').naturalWidth == 64", timeout=60_000)
    assert status(page)["viewers"] >= 1


def test_a_change_of_the_page_reaches_the_pipeline(page):
    post = """change => fetch('/api/control', {method: 'POST', body: JSON.stringify(change),
        headers: {'Content-Type': 'application/json'}}).then(answer => answer.json())"""
    now = page.evaluate(post, {"overlay": False, "threshold": 0.35})
    assert now["threshold"] == 0.35
    until(lambda: status(page)["controls"]["threshold"] == 0.35)  # told a few times a second
    assert status(page)["controls"]["overlay"] is False
    page.evaluate(post, {"overlay": True})
    until(lambda: status(page)["controls"]["overlay"] is True)


def test_events_come_by_themselves(page):
    told = page.evaluate("""new Promise(done => {
        const source = new EventSource('/api/events');
        source.addEventListener('status', told => { source.close(); done(JSON.parse(told.data)); });
    })""")
    assert told["source"]["kind"] == "phantom"


def test_who_draws_nothing_takes_nothing_from_the_others(page, browser, run):
    context = browser.new_context(bypass_csp=True)
    other = context.new_page()
    other.add_init_script(WATCH)
    other.goto(run.url)
    other.evaluate("window.watch(false)")
    page.evaluate("window.watch(true)")
    waits_for(page, 20)
    assert len(seen(other)) == 2
    context.close()


def test_a_page_of_somebody_else_gets_nothing(browser, run):
    context = browser.new_context(bypass_csp=True)
    page = context.new_page()
    page.add_init_script(WATCH)
    page.goto(run.url.replace("127.0.0.1", "localhost"))
    reached = page.evaluate(
        """url => fetch(url, {method: 'POST', mode: 'no-cors', body: '{"overlay": false}'})
        .then(answer => answer.type, () => 'refused')""",
        f"{run.url}api/control",
    )
    assert reached in ("refused", "opaque")
    image = page.evaluate(
        """url => new Promise(done => { const image = new Image(); image.onload = () => done('shown');
        image.onerror = () => done('refused'); image.src = url; })""",
        f"{run.url}api/snapshot.jpg",
    )
    assert image == "refused"
    closed = page.evaluate(
        """url => new Promise(done => { const socket = new WebSocket(url); socket.onopen = () => done('open');
        socket.onerror = () => done('refused'); })""",
        f"ws://127.0.0.1:{run.port}/ws/video",
    )
    assert closed == "refused"
    context.close()
    with urllib.request.urlopen(f"{run.url}api/status") as answer:  # noqa: S310 - our own server
        assert b'"overlay":true' in answer.read()


def test_in_a_network_a_token_opens_the_page_once_and_a_cookie_from_then_on(browser, tmp_path):
    with Run(tmp_path, host="0.0.0.0") as run:
        assert run.token
        context = browser.new_context()
        page = context.new_page()
        assert page.goto(run.url).status == 401
        page.goto(f"{run.url}?token={run.token}")
        assert page.url == run.url
        assert page.evaluate("document.cookie") == ""
        assert status(page)["run"] == "going"
        context.close()
    assert any("--tls-cert" in line for line in run.said)


def test_a_page_stays_open_while_the_run_ends(browser, tmp_path):
    context = browser.new_context(bypass_csp=True)
    page = context.new_page()
    page.add_init_script(WATCH)
    with Run(tmp_path) as run:
        page.goto(run.url)
        page.evaluate("window.watch(true)")
        waits_for(page, 2)
        began = time.monotonic()
    assert time.monotonic() - began < 40
    page.wait_for_function("window.ending == 1001", timeout=10_000)
    context.close()
