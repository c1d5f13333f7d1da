"""HTML in which text is escaped unless it was made here."""

import html
from typing import TypeAlias

from scr_live.report.told import LARGEST_NUMBER


class Html(str):
    """Markup; any other string is text."""

    __slots__ = ()


Content: TypeAlias = str | None
_EMPTY = frozenset({"img", "meta"})
_UNSHOWN = dict.fromkeys([*range(32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A)], " ")
_UNSHOWN |= dict.fromkeys(range(0xD800, 0xE000), "�")  # halves of a letter, from names that are no UTF-8


def text(value: str) -> Html:
    """Escape text; what steers a terminal or the direction of writing becomes a space."""
    return Html(html.escape(value.translate(_UNSHOWN)))


def element(name: str, /, *contents: Content, **attributes: str) -> Html:
    """An element; `class_` stands for class and `aria_label` for aria-label. None is left out."""
    names = {key: key.rstrip("_").replace("_", "-") for key in attributes}
    told = "".join(f' {names[key]}="{text(value)}"' for key, value in attributes.items())
    if name in _EMPTY:
        return Html(f"<{name}{told}>")
    inner = join(*contents)
    return Html(f"<{name}{told}>{inner}</{name}>")


def join(*contents: Content) -> Html:
    """One after another."""
    return Html("".join(one if isinstance(one, Html) else text(one) for one in contents if one is not None))


def clock(seconds: float) -> str:
    """0:01:02.3: hours, minutes, seconds of the stream."""
    tenths = round(min(max(seconds, 0.0), LARGEST_NUMBER) * 10)
    return f"{tenths // 36_000}:{tenths // 600 % 60:02d}:{tenths // 10 % 60:02d}.{tenths % 10}"


def share(value: float | None) -> str:
    """4.1 %."""
    return "not told" if value is None else f"{100 * value:.1f} %"


def counted(count: int, noun: str) -> str:
    """1 picture, 2 pictures."""
    return f"1 {noun}" if count == 1 else f"{count} {noun}s"


def figure(value: float | None, digits: int = 0, unit: str = "") -> str:
    """A number with its unit."""
    return "not told" if value is None else f"{value:.{digits}f}{f' {unit}' if unit else ''}"
