"""The page: everything in one file, nothing from the network, no script."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scr_live import __version__
from scr_live.events import EventKind
from scr_live.report.cards import Cards, facts, wall
from scr_live.report.markup import Html, clock, element, figure, join, share, text
from scr_live.report.plots import timeline
from scr_live.report.procedure import Procedure
from scr_live.report.spans import Span
from scr_live.report.told import Told
from scr_live.report.video import Video

NOT_A_DEVICE: Final = (
    "Research software, not a medical device: nothing on this page is a diagnosis, and what is not on it may "
    "have been there."
)
MARK: Final = '<meta name="generator" content="scr-live report">'
"""Stands near the beginning of every page."""

_POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_SETTINGS: Final = {
    "source": "Source",
    "engine": "Engine",
    "model": "Model",
    "threshold": "Threshold",
    "alert_after_s": "Alert after, s",
    "tracking": "Tracking",
}
_FIGURES: Final = {
    "captured": ("Frames captured", 0, ""),
    "inferred": ("Frames that the model judged", 0, ""),
    "shown": ("Frames shown", 0, ""),
    "recorded": ("Frames recorded", 0, ""),
    "duration_s": ("The run took", 1, "s"),
    "video_delay_p50_ms": ("Delay of the video, median", 1, "ms"),
    "video_delay_p99_ms": ("Delay of the video, 99th percentile", 1, "ms"),
    "annotation_delay_p50_ms": ("Delay of the marks, median", 1, "ms"),
    "annotation_delay_p99_ms": ("Delay of the marks, 99th percentile", 1, "ms"),
}
_JUDGED_ENOUGH: Final = 0.9
"""Share of the frames; where the model judged fewer, the page warns of it."""
_TROUBLE: Final = (
    EventKind.ENGINE_CHANGED,
    EventKind.SIZE_CHANGED,
    EventKind.RECORDING_FAILED,
    EventKind.RECORDING_GAP,
    EventKind.DISK_LOW,
    EventKind.STAGE_STALLED,
)


@dataclass(frozen=True, slots=True)
class Page:
    """The whole page, and what it says of itself."""

    html: str
    problems: Sequence[str]
    """What is damaged, missing or left out, in sentences."""


def page(told: Procedure, *, video: Video | None = None) -> Page:
    """Make the page. video: a recording, for links to its moments."""
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    source = "" if told.started is None else told.started.text("source")
    name = source or told.reading.path.name
    head = join(
        Html('<meta charset="utf-8">'),
        Html(MARK),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"Procedure report: {name}"),
        element("style", Html(style)),
    )
    maker = Cards(told.reading.path.parent, video)
    cards = maker.cards(told.sightings)
    of_video = [video.problem] if video is not None and video.problem else []
    problems = [*told.reading.problems, *_unjudged(told), *of_video, *maker.problems()]
    body = join(
        element("header", element("h1", "Procedure report"), element("p", _when(told), class_="faint")),
        element("main", _notes(problems), *_sections(told, cards)),
        element("footer", element("p", f"Made by scr-live {__version__}.", class_="faint")),
    )
    whole = element("html", element("head", head), element("body", body), lang="en")
    return Page(f"<!doctype html>\n{whole}\n", problems)


def _sections(told: Procedure, cards: Sequence[Html]) -> Iterable[Html]:
    yield _key_figures(told)
    yield _section("Timeline", timeline(told), _gaps(told))
    if told.withdrawals:
        yield _section("Withdrawal", *(_withdrawal(told, span) for span in told.withdrawals))
    none = element("p", "No sighting was announced.")
    yield _section("Sightings", element("div", *cards, class_="cards") if cards else none)
    yield _section("Run", facts(_settings(told)))
    if told.ended is not None:
        yield _section("Frames and delays", facts(_figures(told.ended)))
    trouble = told.reading.of(*_TROUBLE)
    if trouble:
        yield _section("Trouble", _trouble(trouble))


def _section(heading: str, *contents: Html) -> Html:
    return element("section", element("h2", heading), *contents)


def _when(told: Procedure) -> str:
    if told.first_at is None or told.last_at is None:
        return "The log has no event but its beginning."
    first, last = f"{told.first_at:%Y-%m-%d}", f"{told.last_at:%Y-%m-%d}"
    to = wall(told.last_at) if first == last else f"{last}, {wall(told.last_at)}"
    return f"{first}, {wall(told.first_at)} to {to}"


def _notes(problems: Sequence[str]) -> Html:
    return element(
        "section",
        element("h2", "To be aware of"),
        element("ul", *(element("li", note) for note in (NOT_A_DEVICE, *problems))),
        class_="notes",
    )


def _unjudged(told: Procedure) -> Iterator[str]:
    """A sentence, if the model judged but a part of the frames."""
    judged = told.judged_share
    if judged is not None and judged < _JUDGED_ENOUGH:
        yield (
            f"The model judged {share(judged)} of the frames: in the others nobody looked for a polyp, and "
            "nothing told here is of them."
        )


def _key_figures(told: Procedure) -> Html:
    figures = {
        "duration": clock(told.end_s),
        "sightings": str(len(told.sightings)),
        "of the frames judged by the model": share(told.judged_share),
        "of the time assessable, by the judged frames": share(told.assessable_share()),
        "AI off": f"{told.without_ai_s:.1f} s",
    }
    boxes = element(
        "div", *(element("div", element("b", value), name) for name, value in figures.items()), class_="key"
    )
    how = (
        "Assessable: a living picture whose quality was good, by the frames that the model judged. Where "
        "nothing else was told, it was."
    )
    return join(boxes, element("p", how, class_="faint"))


def _withdrawal(told: Procedure, span: Span) -> Html:
    seen = sum(span.first_s <= one.first_s <= span.last_s for one in told.sightings)
    still = " (its end was not marked)" if span.is_open else ""
    return facts(
        {
            "Withdrawal time": f"{clock(span.length_s)}{still}",
            "From, to": f"{clock(span.first_s)}, {clock(span.last_s)}",
            "Assessable": share(told.assessable_share(span.first_s, span.last_s)),
            "Sightings in it": str(seen),
        }
    )


def _gaps(told: Procedure) -> Html:
    rows = [(name, span) for name, found in told.gaps.items() for span in found]
    if not rows:
        there = "Signal and picture were" if any(_unjudged(told)) else "Signal, picture and AI were"
        return element("p", f"{there} there throughout, as far as the log tells.")
    rows.sort(key=lambda row: row[1].first_s)
    lines = (
        (
            f"{name}: {span.what}" if span.what else name,
            clock(span.first_s),
            f"{clock(span.last_s)}{' (end of the log)' if span.is_open else ''}",
            f"{span.length_s:.1f} s",
        )
        for name, span in rows
    )
    return _table("When something was missing", ("What", "From", "To", "Length"), lines, wordy=0)


def _settings(told: Procedure) -> dict[str, str]:
    log = {"Event log": f"{told.reading.path.name}, of scr-live {told.reading.version or 'unknown'}"}
    if told.started is None:
        return log
    shown = {label: told.started.text(name) for name, label in _SETTINGS.items()}
    size = [told.started.text(name) for name in ("width", "height")]
    if all(size):
        shown["Picture"] = f"{size[0]} x {size[1]} px, {told.started.text('fps') or 'unknown'} frames/s"
    return {label: value for label, value in shown.items() if value} | log


def _figures(ended: Told) -> dict[str, str]:
    told = {
        label: figure(ended.number(name), digits, unit)
        for name, (label, digits, unit) in _FIGURES.items()
        if ended.number(name) is not None
    }
    return {"The run ended": ended.text("cause") or "cause not told", **told}


def _trouble(events: Sequence[Told]) -> Html:
    lines = (
        (wall(told.at), told.event, "; ".join(f"{name}: {told.text(name)}" for name in sorted(told.facts)))
        for told in events
    )
    return _table("What else was told", ("Clock", "Event", "Facts"), lines, wordy=2)


def _table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]], *, wordy: int) -> Html:
    """wordy: the column that may be broken anywhere; times are not."""

    def cells(row: Sequence[str]) -> Iterable[Html]:
        return (
            element("td", text(cell), class_="wordy" if column == wordy else "short")
            for column, cell in enumerate(row)
        )

    return element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *(element("th", head, scope="col") for head in heads))),
        element("tbody", *(element("tr", *cells(row)) for row in rows)),
    )
