"""The files of the page, read once at the start. No name out of a request is ever opened."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePath
from typing import Final

_KINDS: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is answered."""

    content: bytes
    kind: str


def read_assets() -> dict[str, Asset]:
    """Return all files of the page by their names."""
    folder = files("scr_live.sinks.web") / "page"
    return {
        file.name: Asset(file.read_bytes(), kind)
        for file in folder.iterdir()
        if (kind := _KINDS.get(PurePath(file.name).suffix)) is not None
    }
