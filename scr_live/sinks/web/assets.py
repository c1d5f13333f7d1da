"""The files of the page: a fixed table, read once. No name out of a request is ever opened."""

from importlib.resources import files
from typing import Final

ASSETS: Final = {
    "index.html": "text/html; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


def page(name: str) -> bytes | None:
    """Return one of `ASSETS`; None: the page has none of that name."""
    file = files("scr_live.sinks.web") / "page" / name
    return file.read_bytes() if file.is_file() else None
