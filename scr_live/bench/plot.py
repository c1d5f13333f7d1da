"""How long inference takes in each combination, as the share of requests that are answered by then.

matplotlib, extra `report`.
"""

import io
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from scr_live.bench.report import Report
from scr_live.errors import OptionError, ScrLiveError
from scr_live.files import TEXT_MARK, write_picture, write_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES: Final = (".png", ".svg")

_COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8a8a8a")
_STYLES: Final = ("-", "--", ":", "-.")
_SIZE: Final = (9.0, 5.0)
_DPI: Final = 150
_LEAST_MS: Final = 1e-3  # what is less cannot be drawn on a logarithmic axis
_SETTINGS: Final = {
    "svg.fonttype": "none",
    "svg.hashsalt": "scr-live",
    "font.size": 9,
    "font.family": "sans-serif",
    "text.parse_math": False,
}


def check_plot(path: Path) -> None:
    """OptionError: it is no picture that can be drawn. ScrLiveError: the extra is missing."""
    if path.suffix.lower() not in SUFFIXES:
        raise OptionError(f"--plot must name a picture of the type {' or '.join(SUFFIXES)}; found {path}.")
    if find_spec("matplotlib") is None:
        raise ScrLiveError(
            "--plot draws with matplotlib, which is not installed. "
            'Install it with `pip install "scr-live[report]"`.'
        )


def write_plot(path: Path, report: Report) -> None:
    """Draw every combination's samples of inference, and its floor as a mark on the axis."""
    import matplotlib as mpl  # noqa: PLC0415 - an extra

    is_svg = path.suffix.lower() == ".svg"
    data = io.BytesIO()
    with mpl.rc_context(_SETTINGS):
        _figure(report).savefig(
            data, format="svg" if is_svg else "png", dpi=_DPI, metadata={"Date": None} if is_svg else None
        )
    if is_svg:
        drawn = data.getvalue().decode()
        # Without declaration and doctype, so that the mark of a result, an XML comment, may come first.
        write_text(path, f"{TEXT_MARK}\n{drawn[drawn.index('<svg') :]}")
    else:
        write_picture(path, data.getvalue())


def _figure(report: Report) -> "Figure":
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra

    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.subplots()
    for index, row in enumerate(row for row in report.rows if row.is_measured):
        samples = np.maximum(np.sort([ms for one in row.samples.infer for ms in one]), _LEAST_MS)
        share = np.arange(1, len(samples) + 1) / len(samples)
        colour = _COLOURS[index % len(_COLOURS)]
        style = _STYLES[index // len(_COLOURS) % len(_STYLES)]
        axes.step(samples, share, where="post", color=colour, linestyle=style, label=row.combination.label)
        if row.floor is not None and row.floor.floor_ms > 0:
            axes.plot([row.floor.floor_ms], [0.0], marker="^", color=colour, clip_on=False)
    _describe(axes)
    axes.set_title(f"{report.machine['cpu']}, {report.rounds} interleaved rounds", loc="left")
    return figure


def _describe(axes: "Axes") -> None:
    from matplotlib.ticker import LogLocator, NullFormatter  # noqa: PLC0415 - an extra

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(lambda ms, _: f"{ms:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(0.0, 1.0)
    axes.set_xlabel("milliseconds of one inference; a triangle is the floor")
    axes.set_ylabel("share of the requests answered by then")
    axes.grid(visible=True, which="both", linewidth=0.3)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
