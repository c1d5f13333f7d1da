"""The drawings of the page, as SVG that takes its colours from the page."""

import io
import math
import re
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, Literal

from scr_live.errors import ScrLiveError
from scr_live.report.markup import Html, clock, text
from scr_live.report.procedure import AI, INPUT, QUALITY, SIGNAL, Procedure
from scr_live.report.sightings import Sighting
from scr_live.report.spans import Span

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK: Final = "#0a0b0c"
_MARK: Final = "#0a0b0d"
_GAP: Final = "#0a0b0e"
_COLOURS: Final = {_INK: "currentColor", _MARK: "var(--mark)", _GAP: "var(--gap)"}
"""What stands for the page's own colours while matplotlib draws."""

_HATCHES: Final = {QUALITY: "////", INPUT: "xxxx", SIGNAL: "....", AI: "\\\\\\\\"}
_MOST_TICKS: Final = 7
_DAY_S: Final = 86_400
_STEPS_S: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, _DAY_S)
_LONGEST_TITLE: Final = 400
_SETTINGS: Final = {
    "svg.fonttype": "none",
    "font.size": 9,
    "font.family": "sans-serif",
    "text.parse_math": False,
    "hatch.linewidth": 0.6,
    **dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "hatch.color"), _INK
    ),
}


def check_plots() -> None:
    """ScrLiveError: the extra is missing."""
    if find_spec("matplotlib") is None:
        raise ScrLiveError(
            "A report is drawn with matplotlib, which is not installed. "
            'Install it with `pip install "scr-live[report]"`.'
        )


def timeline(told: Procedure) -> Html:
    """Sightings, and when something was missing, over the whole procedure."""
    rows: dict[str, Sequence[Span]] = {
        "sightings": [Span(one.first_s, one.last_s, "") for one in told.sightings],
        "withdrawal": told.withdrawals,
        **told.gaps,
    }

    def draw(figure: "Figure") -> None:
        axes = figure.add_subplot()
        end_s = max(told.end_s, 1.0)
        for row, name in enumerate(rows):
            _draw_row(axes, row, name, rows[name], end_s)
        _number_sightings(axes, told.sightings, end_s)
        axes.set_ylim(len(rows) - 0.5, -1.2)
        axes.set_yticks(range(len(rows)), list(rows))
        _draw_time(axes, 0.0, end_s, _round_places(end_s))

    summary = "; ".join(f"{name}: {len(found) or 'none'}" for name, found in rows.items())
    return _svg(
        draw, (9.0, 2.9), "timeline", f"Timeline of {clock(told.end_s)}. {summary}.", layout="constrained"
    )


def area_curve(one: Sighting) -> Html:
    """How large a sighting was over its time."""

    def draw(figure: "Figure") -> None:
        axes = figure.add_axes((0.2, 0.2, 0.69, 0.74))  # constrained layout costs more than the curve
        seconds, areas = zip(*one.areas, strict=True)
        axes.plot(seconds, areas, color=_MARK, marker="o", markersize=2.5, linewidth=1.2, clip_on=False)
        axes.set_ylim(0, max(*areas, 1.0) * 1.15)
        axes.set_ylabel("area, px")
        first_s, last_s = min(seconds), max(*seconds, min(seconds) + 1.0)
        _draw_time(axes, first_s, last_s, (first_s, last_s))

    largest = max(area for _, area in one.areas)
    title = f"Area of sighting {one.number} over time, {largest:.0f} px at its largest."
    return _svg(draw, (3.4, 1.5), f"area-{one.number}", title)


def _number_sightings(axes: "Axes", seen: Sequence[Sighting], end_s: float) -> None:
    """Numbers above the bars, in two lines; where they would cover each other, some are left out."""
    free_s = [0.0, 0.0]
    for one in seen:
        line = next((line for line, free in enumerate(free_s) if one.first_s >= free), None)
        if line is not None:
            free_s[line] = one.first_s + end_s * 0.014 * (1 + len(str(one.number)))
            axes.text(one.first_s, -0.42 - 0.42 * line, str(one.number), ha="left", va="bottom", color=_INK)


def _draw_row(axes: "Axes", row: int, name: str, stretches: Sequence[Span], end_s: float) -> None:
    shortest = end_s / 400  # so that what was short is seen at all
    pieces = [(span.first_s, max(span.length_s, shortest)) for span in stretches]
    hatch = _HATCHES.get(name)
    colour = _GAP if hatch else _MARK
    axes.broken_barh(pieces, (row - 0.3, 0.6), facecolor=colour, edgecolor=_INK, linewidth=0.6, hatch=hatch)


def _round_places(end_s: float) -> Sequence[float]:
    """A few round times from 0 on."""
    days = math.ceil(end_s / _MOST_TICKS / _DAY_S)
    step_s = next((step for step in _STEPS_S if end_s <= step * _MOST_TICKS), days * _DAY_S)
    return [step_s * index for index in range(int(end_s / step_s) + 1)]


def _draw_time(axes: "Axes", first_s: float, last_s: float, places: Sequence[float]) -> None:
    axes.set_xlim(first_s, last_s)
    axes.set_xticks(places, [clock(place).split(".")[0] for place in places])
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _svg(
    draw: Callable[["Figure"], None],
    size: tuple[float, float],
    name: str,
    title: str,
    *,
    layout: Literal["constrained"] | None = None,
) -> Html:
    """Let matplotlib draw; what it writes besides is left out, and names are made the drawing's own."""
    import matplotlib as mpl  # noqa: PLC0415 - an extra
    from matplotlib.figure import Figure  # noqa: PLC0415

    with mpl.rc_context({**_SETTINGS, "svg.hashsalt": name}):
        figure = Figure(figsize=size, layout=layout)
        figure.patch.set_visible(False)
        draw(figure)
        for axes in figure.axes:
            axes.patch.set_visible(False)
        data = io.StringIO()
        figure.savefig(data, format="svg", metadata={"Date": None})
    drawn = data.getvalue()
    body = drawn[drawn.index("<svg") :]
    body = re.sub(r"<(metadata|style)\b.*?</\1>|<defs>\s*<style.*?</defs>", "", body, flags=re.DOTALL)
    body = re.sub(r' id="[A-Za-z0-9.]+_\d+"', "", body)  # names of clips and hatches have no number behind
    body = re.sub(r"font-family: [^;\"]*", "font-family: inherit", body)
    for colour, shown in _COLOURS.items():
        body = body.replace(colour, shown)
    shown_title = text(title[:_LONGEST_TITLE])
    view = re.search(r'viewBox="[^"]*"', body)
    size_told = "" if view is None else view[0]
    left = 'preserveAspectRatio="xMinYMid"'
    start = f'<svg {size_told} {left} role="img" aria-label="{shown_title}"><title>{shown_title}</title>'
    return Html(start + body[body.index(">") + 1 :])
