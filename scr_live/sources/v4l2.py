"""What is peculiar to cameras under Linux: their numbers change when they are plugged in again.

udev keeps links that name a camera by what it is (by-id) and by where it is plugged in (by-path); opened by
such a link, it is the same camera tomorrow.
"""

import re
from pathlib import Path
from typing import Final

LINKS: Final = Path("/dev/v4l")

_NODE = re.compile(r"/dev/video\d+|\d{1,3}")


def stable_spec(spec: str, *, devices: Path = Path("/dev"), links: Path = LINKS) -> str:
    """Return the link for a camera that is named by number or node; any other spec, or without one, as it is.

    Cameras of one model without a serial number share a name: the link then leads to one of them.
    """
    if not _NODE.fullmatch(spec):
        return spec
    node = devices / f"video{spec}" if spec.isdigit() else devices / Path(spec).name
    if not node.exists():
        return spec
    for kind in ("by-id", "by-path"):
        for link in sorted((links / kind).glob("*")):
            if link.resolve() == node.resolve():
                return str(link)
    return spec


def cameras_here(devices: Path = Path("/dev")) -> str:
    """Say in a sentence which cameras there are."""
    found = sorted(str(path) for path in devices.glob("video*"))
    return f"This machine has {', '.join(found)}." if found else "This machine shows no camera at all."
