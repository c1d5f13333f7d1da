"""A page about an archive: totals, failures, a line for each video; no script, nothing from the network."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from scr_live import __version__
from scr_live.archive.judging import Facts
from scr_live.archive.kept import TABLES, Kept
from scr_live.report.markup import Html, clock, counted, element, figure, join, share

if TYPE_CHECKING:
    from scr_live.archive.running import ArchiveReport

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE: Final = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: .2rem .6rem; text-align: right; border-bottom: 1px solid #8884; vertical-align: top; }
th:first-child, td:first-child, td.words { text-align: left; overflow-wrap: anywhere; }
.faint { opacity: .7; }
"""
_NOT_A_DEVICE: Final = (
    "Research software, not a medical device: nothing here is a diagnosis, and what is not here may "
    "have been there."
)
_HEAD: Final = (
    "Video",
    "Length",
    "Frames",
    "Could be judged",
    "Sightings",
    "Marked frames",
    "Frames a second",
)


def summary_page(report: "ArchiveReport") -> str:
    """Return the HTML."""
    head = join(
        Html('<meta charset="utf-8">'),
        element("meta", name="generator", content="scr-live archive"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", "Archive summary"),
        element("style", Html(_STYLE)),
    )
    body = join(
        element("h1", "Archive summary"),
        element("p", _NOT_A_DEVICE),
        element("ul", *(element("li", line) for line in totals(report))),
        element("p", "Tables: ", *_links(TABLES)),
        *_failures(report.failed),
        element("h2", "Videos"),
        element("table", _row("th", _HEAD), *(_video(kept) for kept in report.kept if kept.error is None)),
        element("p", f"Made by scr-live {__version__}.", class_="faint"),
    )
    return f"<!doctype html>\n{element('html', element('head', head), element('body', body), lang='en')}\n"


def totals(report: "ArchiveReport") -> list[str]:
    """The whole archive in a few lines, for the page and the terminal."""
    good = [kept.facts["video"] for kept in report.kept if kept.error is None]
    frames = sum(facts["frames"] for facts in good)
    length_s = sum(facts["duration_s"] or 0.0 for facts in good)
    left = report.videos - len(report.kept)
    engines = sorted({facts["engine"] for facts in good})
    lines = [
        f"{counted(report.videos, 'video')}: {len(good)} done, {len(report.failed)} failed"
        + (f", {left} left" if left else ""),
        f"{counted(frames, 'frame')}, {clock(length_s)} of video",
        _sightings(good),
        f"engine: {'; '.join(engines) or 'none'}",
    ]
    if report.done_now:
        lines.append(
            f"this run: {counted(report.done_now, 'video')}, {counted(report.frames_now, 'frame')} in "
            f"{report.seconds:.1f} s, {report.frames_per_s:.1f} frames a second; {_work(report)}"
        )
    return lines


def _sightings(good: Sequence[Facts]) -> str:
    """None in a video that was followed is a finding; where nothing was followed, it would be none."""
    counts = [facts["sightings"] for facts in good if facts["sightings"] is not None]
    if good and not counts:
        return "no sightings were looked for (--no-tracking)"
    return f"{counted(sum(counts), 'sighting')} in {counted(sum(map(bool, counts)), 'video')}"


def _work(report: "ArchiveReport") -> str:
    threads = f"{counted(report.threads, 'engine thread')} each"
    workers = counted(report.workers, "worker") if report.workers else "workers by Ray"
    lost = f", {counted(report.lost, 'worker')} lost" if report.lost else ""
    return f"{workers}, {threads}{lost}"


def _failures(failed: Sequence[Kept]) -> Iterable[Html]:
    if not failed:
        return
    rows = (element("tr", _words(kept.video.id), _words(kept.error or "")) for kept in failed)
    yield element("h2", "Failed")
    yield element("p", "--retry-failed tries these again.")
    yield element("table", _row("th", ("Video", "Why")), *rows)


def _video(kept: Kept) -> Html:
    facts = kept.facts["video"]
    recording = facts.get("recording")
    name = kept.video.id if recording is None else _link(recording, kept.video.id)
    notes = facts["notes"]
    cells = (
        figure(facts["frames"]),
        share(facts["good_share"]),
        figure(facts["sightings"]),
        figure(facts["marked_frames"]),
        figure(facts["frames_per_s"], 1),
    )
    length = "not told" if facts["duration_s"] is None else clock(facts["duration_s"])
    told = element("td", name, Html("<br>") if notes else None, notes or None)
    return element("tr", told, element("td", length), *(element("td", cell) for cell in cells))


def _row(kind: str, cells: Iterable[str]) -> Html:
    return element("tr", *(element(kind, cell) for cell in cells))


def _words(text: str) -> Html:
    return element("td", text, class_="words")


def _links(names: Sequence[str]) -> Iterable[str]:
    for number, name in enumerate(names):
        yield ", " if number else ""
        yield _link(name, name)


def _link(path: str, words: str) -> Html:
    return element("a", words, href=quote(path))
