"""The figures of videos as tables for the terminal."""

from collections.abc import Sequence
from typing import Final

from scr_live.evaluation.tables import NONE, Row
from scr_live.evaluation.video.alarms import Rate
from scr_live.evaluation.video.metrics import VideoScore
from scr_live.evaluation.video.report import RuleRow

FRAMES_NOTE: Final = (
    "Specificity is of the frames without a polyp: the share without any mark. A false mark may also lie "
    "beside a polyp in view, so there can be time with one though specificity is 1."
)


def rule_rows(rows: Sequence[RuleRow]) -> list[Row]:
    """Header and a row a rule: what it costs and what it saves."""
    table = [
        _plain("announced after", "false alarms/min", "first mark, median", "latest", "polyps missed", "of")
    ]
    table += [
        (
            (f"{row.rule_s:g} s", ""),
            _rate(row.false_alarms),
            (_seconds(row.mark_after_median_s), ""),
            (_seconds(row.mark_after_max_s), ""),
            (_percent(row.missed_share), ""),
            (str(row.polyps), ""),
        )
        for row in rows
    ]
    return table


def frame_rows(scores: Sequence[VideoScore]) -> list[Row]:
    """Header and a row a rule: frames, time and flicker of one clip."""
    table = [
        _plain(
            *("announced after", "sensitivity", "specificity", "time with a false mark"),
            *("persistence", "flips/1000", "of a polyp/1000"),
        )
    ]
    for one in scores:
        kept = [polyp.persistence for polyp in one.polyps]
        table.append(
            _plain(
                f"{one.rule_s:g} s",
                _number(one.frame_sensitivity),
                _number(one.frame_specificity),
                _percent(one.false_mark_share),
                _percent(sum(kept) / len(kept) if kept else None),
                _number(one.flips_per_1000, 1),
                _number(one.polyp_flips_per_1000, 1),
            )
        )
    return table


def polyp_rows(score: VideoScore) -> list[Row]:
    """Header and a row a polyp, before any rule."""
    table = [_plain("polyp", "in view from", "frames", "first region after", "persistence", "identities")]
    table += [
        _plain(
            one.polyp,
            _seconds(one.first_visible_s),
            str(one.visible_frames),
            _seconds(one.region_after_s),
            _percent(one.persistence),
            str(one.identities),
        )
        for one in score.polyps
    ]
    return table


def _plain(*cells: str) -> Row:
    return tuple((cell, "") for cell in cells)


def _rate(rate: Rate) -> tuple[str, str]:
    return f"{rate.per_minute:.2f}", f"{rate.low:.2f}-{rate.high:.2f}"


def _seconds(value: float | None) -> str:
    return NONE if value is None else f"{value:.2f} s"


def _number(value: float | None, digits: int = 3) -> str:
    return NONE if value is None else f"{value:.{digits}f}"


def _percent(value: float | None) -> str:
    return NONE if value is None else f"{value:.1%}"
