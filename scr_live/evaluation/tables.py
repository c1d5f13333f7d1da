"""The results as tables: cells of text, for the terminal, for Markdown and for CSV."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from scr_live.evaluation.images import ImageResult
from scr_live.evaluation.intervals import CONFIDENCE_PERCENT, Estimate
from scr_live.evaluation.marks import size_of
from scr_live.evaluation.metrics import Score, score
from scr_live.evaluation.summary import METRICS, POLYP_METRICS, SetSummary, Summary
from scr_live.evaluation.sweep import SweepPoint
from scr_live.files import TEXT_MARK

Cell: TypeAlias = tuple[str, str]
"""A figure and, where there is one, its interval."""
Row: TypeAlias = tuple[Cell, ...]

NONE = "-"

_METRIC_COLUMNS = (
    ("Dice", "dice", 3),
    ("IoU", "iou", 3),
    ("sensitivity", "sensitivity", 3),
    ("specificity", "specificity", 4),
)
_SHARE_COLUMNS = (("polyps hit", "polyps_hit"), ("negatives marked", "marked_negatives"))


def set_rows(sets: Sequence[SetSummary], pooled: SetSummary) -> list[Row]:
    """Header, a row a set with its sources below it, and one for all sets if there are several."""
    rows = [_header("set", "pictures", "negatives")]
    for entry in sets:
        rows.append(_row(entry.whole, entry.whole.negatives))
        rows += [_row(part, part.negatives, indent="  ") for part in entry.sources]
    if len(sets) > 1:
        rows.append(_row(pooled.whole, pooled.whole.negatives))
    return rows


def size_rows(summary: SetSummary) -> list[Row]:
    """Header and a row a size."""
    return [_header("polyp size", "pictures", "polyps"), *(_row(part, part.polyps) for part in summary.sizes)]


def sweep_rows(points: Sequence[SweepPoint], *, chosen: float, recommended: float | None) -> list[Row]:
    """Header and a row a threshold."""
    names = (
        "threshold",
        "Dice",
        "IoU",
        "sensitivity",
        "specificity",
        "nothing marked",
        "negatives marked",
        "",
    )
    rows: list[Row] = [_plain_row(*names)]
    for point in points:
        notes = [
            word for word, at in (("used", chosen), ("recommended", recommended)) if at == point.threshold
        ]
        row = _plain_row(
            f"{point.threshold:g}",
            _number(point.dice, 3),
            _number(point.iou, 3),
            _number(point.sensitivity, 3),
            _number(point.specificity, 4),
            _percent(point.missed_share),
            _percent(point.marked_negatives),
            ", ".join(notes),
        )
        rows.append(row)
    return rows


def reliability_rows(summary: SetSummary) -> list[Row]:
    """Header and a row a tenth of the probability: the share of polyp should be as large as the mean."""
    pixels = sum(entry.pixels for entry in summary.calibration.bins)
    rows: list[Row] = [_plain_row("probability", "share of pixels", "mean probability", "share of polyp")]
    rows += [
        _plain_row(
            f"{entry.least:.1f}-{entry.most:.1f}",
            _percent(entry.pixels / pixels if pixels else None, 3),
            _number(entry.mean_probability, 3),
            _number(entry.polyp_share, 3),
        )
        for entry in summary.calibration.bins
    ]
    return rows


def markdown(title: str, tables: Mapping[str, Sequence[Row]], notes: Sequence[str]) -> str:
    """The tables one below the other, each with its heading in bold, ready to paste."""
    parts = [TEXT_MARK, title]
    for heading, rows in tables.items():
        lines = [_markdown_line(row) for row in rows]
        lines.insert(1, "|---" + "|---:" * (len(rows[0]) - 1) + "|")
        parts.append((f"**{heading}**\n\n" if heading else "") + "\n".join(lines))
    return "\n\n".join([*parts, *notes]) + "\n"


def csv_rows(sets: Mapping[str, Sequence[ImageResult]]) -> Iterator[list[str]]:
    """Header and one row a picture; what a picture without a polyp does not have is left empty."""
    yield [
        *("set", "image", *METRICS, "has_polyp", "marked", "highest_probability"),
        *("polyp_share_of_field", "size", "polyps", "polyps_hit", "false_marks"),
        *("true_positive_px", "false_positive_px", "false_negative_px", "true_negative_px"),
    ]
    for name, results in sets.items():
        for result in results:
            yield [name, *_csv_cells(result)]


def interval_note(resamples: int) -> str:
    """What the intervals are; empty if there are none."""
    if not resamples:
        return ""
    return (
        f"Intervals: {CONFIDENCE_PERCENT} %, from {resamples} bootstrap resamples of the pictures (shares: "
        "Wilson's). Pictures count as independent; for frames of few videos the truth is wider."
    )


def _csv_cells(result: ImageResult) -> list[str]:
    counts, polyp_share = result.counts, result.polyp_px / result.field_px
    return [
        result.entry.image.name,
        *_metric_cells(score(counts), has_polyp=result.has_polyp),
        str(int(result.has_polyp)),
        str(int(result.marked)),
        f"{result.highest:.6f}",
        f"{polyp_share:.6f}",
        size_of(polyp_share) if result.has_polyp else "",
        str(len(result.polyps)),
        str(sum(polyp.hit for polyp in result.polyps)),
        str(result.false_marks),
        str(counts.true_positive),
        str(counts.false_positive),
        str(counts.false_negative),
        str(counts.true_negative),
    ]


def _metric_cells(values: Score, *, has_polyp: bool) -> list[str]:
    return [
        f"{getattr(values, name):.6f}" if has_polyp or name not in POLYP_METRICS else "" for name in METRICS
    ]


def _header(*first: str) -> Row:
    names = (*first, *(title for title, _, _ in _METRIC_COLUMNS), *(title for title, _ in _SHARE_COLUMNS))
    return _plain_row(*names)


def _plain_row(*cells: str) -> Row:
    return tuple((cell, "") for cell in cells)


def _row(summary: Summary, count: int, *, indent: str = "") -> Row:
    found = summary.estimates
    return (
        (indent + summary.name, ""),
        (str(summary.images), ""),
        (str(count), ""),
        *(_estimate(found[key], digits=digits) for _, key, digits in _METRIC_COLUMNS),
        *(_estimate(found[key], digits=None) for _, key in _SHARE_COLUMNS),
    )


def _estimate(estimate: Estimate | None, *, digits: int | None) -> Cell:
    if estimate is None:
        return (NONE, "")
    value = _percent(estimate.value) if digits is None else f"{estimate.value:.{digits}f}"
    if estimate.low is None or estimate.high is None:
        return (value, "")
    if digits is None:
        return (value, f"{100 * estimate.low:.1f}-{estimate.high:.1%}")
    return (value, f"{estimate.low:.{digits}f}-{estimate.high:.{digits}f}")


def _number(value: float | None, digits: int) -> str:
    return NONE if value is None else f"{value:.{digits}f}"


def _percent(value: float | None, digits: int = 1) -> str:
    return NONE if value is None else f"{value:.{digits}%}"


def _markdown_line(row: Row) -> str:
    cells = [f"{value} ({interval})" if interval else value for value, interval in row]
    indented = ["&nbsp;&nbsp;" + cell.strip() if cell.startswith("  ") else cell for cell in cells]
    escaped = [cell.replace("\\", "\\\\").replace("|", "\\|") for cell in indented]
    return f"| {' | '.join(escaped)} |"
