"""A browser for the tests of the page."""

import shutil

import pytest


@pytest.fixture(scope="module")
def browser():
    """Chromium; one a module, since its loop stands in the way of tests that have one of their own."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright, of the extra `dev`")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("needs Chromium: install it (Debian: apt install chromium)")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield launched
        launched.close()
