"""Natural order: img2 before img10."""

import re
from pathlib import Path
from typing import Final

_NUMBERS: Final = re.compile(r"(\d+)")


def natural_key(path: Path) -> tuple[list[tuple[int, str]], str]:
    """Sort key: runs of digits count as numbers; img1 and img01 stand in alphabetical order."""
    parts = _NUMBERS.split(str(path).casefold())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], str(path)
