"""A measured clip over its time: Dice, scores, and what each alert rule marks. matplotlib, extra `report`."""

import io
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Final

from scr_live.errors import OptionError, ScrLiveError
from scr_live.evaluation.video.records import FrameRecord, length_s, step_s
from scr_live.evaluation.video.running import ClipRun
from scr_live.files import TEXT_MARK, write_picture, write_text
from scr_live.tracking.alerts import AlertRule

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES: Final = (".png", ".svg")

_POLYP, _HIT, _FALSE, _DICE, _SCORE = "#009e73", "#0072b2", "#d55e00", "#000000", "#8a8a8a"
_ROW_INCHES: Final = 0.3
_CURVES_INCHES: Final = 1.8
_WIDTH_INCHES: Final = 10.0
_LONGEST_NAME: Final = 24
_SHORTEST: Final = 1 / 500  # of the width, so that a single frame is seen
_FROM_MINUTES_S: Final = 180
_TICKS: Final = 10
_DPI: Final = 150
_SETTINGS: Final = {
    "svg.fonttype": "none",
    "svg.hashsalt": "scr-live",
    "font.size": 9,
    "font.family": "sans-serif",
    "text.parse_math": False,
}

Span = tuple[float, float]
"""Begin and end in seconds."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of bars: those above, and those below in another colour."""

    name: str
    above: Sequence[Span]
    colour: str
    below: Sequence[Span] = ()


def check_plot(path: Path) -> None:
    """OptionError: it is no picture that can be drawn. ScrLiveError: the extra is missing."""
    if path.suffix.lower() not in SUFFIXES:
        raise OptionError(f"--plot must name a picture of the type {' or '.join(SUFFIXES)}; found {path}.")
    if find_spec("matplotlib") is None:
        raise ScrLiveError(
            "--plot draws with matplotlib, which is not installed. "
            'Install it with `pip install "scr-live[report]"`.'
        )


def write_plot(path: Path, run: ClipRun, *, title: str, threshold: float) -> None:
    """Draw a run and write it as the PNG or SVG that the path names."""
    import matplotlib as mpl  # noqa: PLC0415 - an extra

    is_svg = path.suffix.lower() == ".svg"
    data = io.BytesIO()
    with mpl.rc_context(_SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)  # a letter of a name that the font lacks
        figure = _figure(run, title, threshold)
        figure.savefig(
            data, format="svg" if is_svg else "png", dpi=_DPI, metadata={"Date": None} if is_svg else None
        )
    if is_svg:
        drawn = data.getvalue().decode()
        # Without declaration and doctype, so that the mark of a result, an XML comment, may come first.
        write_text(path, f"{TEXT_MARK}\n{drawn[drawn.index('<svg') :]}")
    else:
        write_picture(path, data.getvalue())


def _figure(run: ClipRun, title: str, threshold: float) -> "Figure":
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra

    frames = next(iter(run.frames.values()))
    rows = list(_rows(run))
    heights = (_CURVES_INCHES, _ROW_INCHES * len(rows))
    figure = Figure(figsize=(_WIDTH_INCHES, sum(heights) + 1.2), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=heights)
    upper.set_title(f"{Path(run.info.name).name}\n{title}", loc="left", fontsize="medium")
    _draw_curves(upper, frames, threshold)
    _draw_rows(lower, rows, frames)
    return figure


def _rows(run: ClipRun) -> Iterator[_Row]:
    """The polyps in view, then what is marked before any rule, then under each."""
    some = next(iter(run.frames.values()))
    names = sorted(frozenset().union(*(frame.truth for frame in some)))
    for name in names:
        in_view = _spans(some, [name in frame.truth for frame in some])
        title = f"polyp {name}" if name.isdecimal() else name
        yield _Row(title[:_LONGEST_NAME], in_view, _POLYP)
    if not names:
        yield _Row("no polyp", (), _POLYP)
    for rule_s, frames in run.frames.items():
        hits = _spans(frames, [bool(frame.marked(rule_s)) for frame in frames])
        false = _spans(frames, [any(not mark.hits for mark in frame.marks(rule_s)) for frame in frames])
        yield _Row(_rule_name(rule_s), hits, _HIT, false)


def _rule_name(rule_s: float) -> str:
    if rule_s == 0:
        return "marks, no rule"
    return f"after {rule_s:g} s{' (usual)' if rule_s == AlertRule().after_s else ''}"


def _spans(frames: Sequence[FrameRecord], holds: Sequence[bool]) -> list[Span]:
    """When something holds: each frame lasts until the next, the last as long as is usual."""
    ends = [frame.time_s for frame in frames[1:]]
    ends += [frame.time_s + step_s(frames) for frame in frames[-1:]]
    found: list[Span] = []
    for frame, end_s, does_hold in zip(frames, ends, holds, strict=True):
        if not does_hold:
            continue
        goes_on = bool(found) and found[-1][1] == frame.time_s
        found.append((found.pop()[0] if goes_on else frame.time_s, end_s))
    return found


def _draw_curves(axes: "Axes", frames: Sequence[FrameRecord], threshold: float) -> None:
    times = [frame.time_s for frame in frames]
    scores = [max((region.score for region in frame.regions), default=nan) for frame in frames]
    dices = [nan if frame.dice is None else frame.dice for frame in frames]
    axes.axhline(threshold, color=_SCORE, linestyle=":", linewidth=0.8)
    axes.plot(times, scores, color=_SCORE, marker=".", markersize=2, linewidth=0.8, label="highest score")
    if any(frame.dice is not None for frame in frames):
        axes.plot(times, dices, color=_DICE, marker=".", markersize=3, linewidth=1.2, label="Dice")
    axes.set_ylim(-0.03, 1.03)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    _clear(axes)


def _draw_rows(axes: "Axes", rows: Sequence[_Row], frames: Sequence[FrameRecord]) -> None:
    from matplotlib.patches import Patch  # noqa: PLC0415 - an extra
    from matplotlib.ticker import MultipleLocator  # noqa: PLC0415

    begin_s = frames[0].time_s if frames else 0.0
    long_s = length_s(frames) or 1.0
    for place, row in enumerate(rows):
        for spans, low, colour in ((row.above, place - 0.32, row.colour), (row.below, place + 0.02, _FALSE)):
            bars = [(begin, max(end - begin, long_s * _SHORTEST)) for begin, end in spans]
            axes.broken_barh(bars, (low, 0.3), facecolor=colour)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), [row.name for row in rows])
    axes.set_xlim(begin_s, begin_s + long_s)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("seconds")
    if long_s > _FROM_MINUTES_S:
        axes.xaxis.set_major_locator(MultipleLocator(60 * max(1, round(long_s / 60 / _TICKS))))
        axes.xaxis.set_major_formatter(lambda second, _: f"{second / 60:.0f}")
        axes.set_xlabel("minutes")
    handles = [
        Patch(color=colour, label=label)
        for colour, label in ((_POLYP, "in view"), (_HIT, "marks on a polyp"), (_FALSE, "marks on none"))
    ]
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    _clear(axes)


def _clear(axes: "Axes") -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
