"""Take the README's picture of the page: the phantom's clip in Chromium, once something is marked.

python scripts/make_page_picture.py [--size 1280x800] [--out assets/readme/page.jpg]
"""

import argparse
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

CLIP = "assets/sample_videos/phantom.mp4"
PAGE = re.compile(r"http://127\.0\.0\.1:\d+/")
MARKED = """document.querySelector('#now-list .card img')?.naturalWidth > 0
    && document.querySelector('#state-ai p').textContent.startsWith('Marks')
"""
SETTLES_MS = 6000


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="1280x800", help="of the window, in pixels")
    parser.add_argument("--out", type=Path, default=Path("assets/readme/page.jpg"))
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))  # and the run, too
    width, height = map(int, arguments.size.split("x"))
    out = arguments.out.resolve()
    command = [sys.executable, "-u", "-m", "scr_live", "run", "--source", CLIP, "--realtime", "--loop"]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(  # noqa: S603 - our own command
            [*command, "--no-display", "--record-to", folder, "--serve", "127.0.0.1:0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as run,
    ):
        try:
            address = next(found[0] for line in run.stdout if (found := PAGE.search(line)))
            photograph(address, out, (width, height))
        finally:
            run.send_signal(signal.SIGTERM)
            run.communicate()
    print(f"{out}: {out.stat().st_size / 1000:.0f} kB")


def photograph(address: str, out: Path, size: tuple[int, int]) -> None:
    """Open the page, wait until something is marked and the plots have begun, and keep what is seen."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        window = {"width": size[0], "height": size[1]}
        page = browser.new_context(bypass_csp=True, viewport=window).new_page()
        page.goto(address)
        page.wait_for_timeout(SETTLES_MS)
        page.wait_for_function(MARKED, timeout=120_000)
        out.parent.mkdir(parents=True, exist_ok=True)
        kind = {"type": "jpeg", "quality": 80} if out.suffix == ".jpg" else {}
        page.screenshot(path=out, **kind)
        browser.close()


if __name__ == "__main__":
    main()
