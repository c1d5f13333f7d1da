"""The page in a real browser: recordings by button and key, and names that would be scripts."""

import shutil

import pytest

pytest.importorskip("fastapi", reason="needs fastapi, of the extra `web`")
pytest.importorskip("playwright", reason="needs playwright, of the extra `dev`")

from playwright import sync_api
from web_whole_run import WholeRun

from scr_live.cli.recording import later_recordings
from scr_live.sources.options import SourceOptions

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: install it (Debian: apt install chromium)"),
    pytest.mark.timeout(180),
]

WAIT = {"timeout": 60_000}


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def opened(browser, request):
    """opened(run) -> its page; a test's parameter says whether its policy is off."""
    context = browser.new_context(bypass_csp=getattr(request, "param", False))

    def open_page(run):
        page = context.new_page()
        page.goto(run.url)
        page.wait_for_function("() => !document.getElementById('record').disabled", **WAIT)
        return page

    yield open_page
    context.close()


def shows(page, state, word):
    page.wait_for_function(
        """([state, word]) => document.querySelector('#state-recording h2').textContent.startsWith(state)
            && document.getElementById('record-word').textContent === word""",
        arg=[state, word],
        **WAIT,
    )


def notice_says(page, words):
    page.wait_for_function(
        "words => document.getElementById('notice').textContent.includes(words)", arg=words, **WAIT
    )


def test_a_key_begins_a_recording_and_a_button_ends_it(opened, tmp_path):
    with WholeRun(record_later=later_recordings(None, tmp_path)) as run:
        page = opened(run)
        shows(page, "Not recording", "Start")
        page.keyboard.press("r")
        shows(page, "Rec 0:0", "End")
        assert page.get_attribute("#record", "aria-pressed") == "true"
        page.click("#record")
        shows(page, "Not recording", "Start")
        notice_says(page, "has ended")
    assert len(run.outcome.recordings) == 1


def test_where_none_can_be_started_the_button_says_why(opened):
    with WholeRun() as run:
        page = opened(run)
        assert page.get_attribute("#record", "aria-disabled") == "true"
        page.keyboard.press("r")
        notice_says(page, "--record-to")


@pytest.mark.parametrize("opened", [False, True], indirect=True, ids=["its policy", "no policy"])
def test_a_name_that_would_be_a_script_is_a_text(opened, make_clip, tmp_path):
    clip = make_clip(tmp_path / "<img src=x onerror=window.hit=1><b>.mp4")
    options = SourceOptions(realtime=True, loop=True)
    with WholeRun(str(clip), source_options=options) as run:
        page = opened(run)
        page.wait_for_function("() => document.body.textContent.includes('onerror=window.hit')", **WAIT)
        assert page.evaluate("window.hit === undefined && !document.querySelector('b, img[src=x]')")
