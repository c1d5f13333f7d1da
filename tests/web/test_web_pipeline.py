"""The page in front of a run that marks something: what is set there is seen in the picture, and by TLS."""

import subprocess

import pytest

pytest.importorskip("fastapi", reason="needs fastapi, of the extra `web`")
pytest.importorskip("playwright.sync_api", reason="needs playwright, of the extra `dev`")

from web_pages import pipeline_with_marks
from web_runs import Run

pytestmark = pytest.mark.timeout(180)

MARKED = """() => {
  const canvas = document.querySelector('#picture');
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d');
  copy.drawImage(canvas, 0, 0);
  const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
  let marked = 0;
  for (let at = 0; at < data.length; at += 4) {
    marked += data[at + 2] > 150 && data[at + 2] > 1.8 * data[at] && data[at + 1] > 1.3 * data[at];
  }
  return marked;
}"""
"""How many pixels have the blue of the marks, which nothing in a colon has."""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with pipeline_with_marks(tmp_path_factory.mktemp("run")) as served:
        yield served


@pytest.fixture
def page(browser, address):
    context = browser.new_context(bypass_csp=True)
    opened = context.new_page()
    opened.goto(address)
    yield opened
    context.close()


def shows_marks(page):
    page.wait_for_function(f"({MARKED})() > 100", timeout=60_000)


def shows_none(page):
    page.wait_for_function(f"({MARKED})() == 0", timeout=60_000)


def test_marks_go_and_come_in_the_picture_that_the_page_shows(page):
    shows_marks(page)
    page.click("#marks")
    shows_none(page)
    page.wait_for_function("document.querySelector('#bar-title').textContent == 'Marks hidden'")
    page.keyboard.press("o")
    shows_marks(page)


def test_a_threshold_above_the_scores_takes_the_marks_from_the_picture(page):
    shows_marks(page)
    for _ in range(8):
        page.click("#raise")
    shows_none(page)
    page.wait_for_function("document.querySelector('#threshold-value').textContent == '0.90'")
    for _ in range(8):
        page.keyboard.press("-")
    shows_marks(page)


def test_the_picture_moves_over_tls_with_a_certificate_of_ones_own(browser, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    try:
        subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("needs openssl to make a certificate")
    with Run(tmp_path, "--tls-cert", certificate, "--tls-key", key) as run:
        assert run.url.startswith("https://")
        context = browser.new_context(bypass_csp=True, ignore_https_errors=True)
        page = context.new_page()
        sockets = []
        page.on("websocket", lambda socket: sockets.append(socket.url))
        page.goto(run.url)
        page.wait_for_function("document.querySelector('#picture').dataset.frame > 0", timeout=60_000)
        first = page.evaluate("document.querySelector('#picture').dataset.frame")
        page.wait_for_function(f"document.querySelector('#picture').dataset.frame > {first}", timeout=60_000)
        assert sockets[0].startswith("wss://")
        context.close()
