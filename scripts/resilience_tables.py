"""The README's tables of what failures cost, from figures/*.json; readme_figures.py puts them there."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

FIGURES = Path("figures")

MODELS = {
    "none": "no model",
    "default": "the default model",
    "default, not isolated": "the same, `--no-isolate`",
    "hung": "a model that never answers",
    "slow": "a model ten times too slow",
}
_OLDER = (
    " **This table, those below and the soak are older than int8 by default, recording from decoded samples "
    "and the lower priority of the model**; `scripts/make_resilience.sh` measures them anew."
)
_OLDER_DELAYS = _OLDER.replace("This table, those below and the soak are", "This table is")
SAFETIES = {"second": "default", "frame": "`--record-safety frame`"}


def resilience() -> str:
    """All tables, in the order in which a reader asks."""
    return f"{delays()}\n\n{streams()}\n\n{kills()}\n\n{identity()}\n\n{soak()}"


def delays() -> str:
    """Captured to shown, and captured to annotated."""
    report = load("delays")
    rows = []
    for run in report["runs"]:
        frames = run["frames"]
        recorded = frames["recorded"] if run["recording"] else "-"
        shown, annotated = run["captured_to_shown_ms"], run["captured_to_annotated_ms"]
        counts = (frames["captured"], frames["shown"], recorded, frames["inferred"])
        rows.append((run["picture"], MODELS[run["model"]], *counts, latency(shown), latency(annotated)))
    machine = report["machine"]
    engine = next(run["engine"] for run in report["runs"] if run["model"] == "default")
    heading = (
        "**Delays, and what a sick model does to them** (`python scripts/measure_delays.py`: pictures out of "
        f"memory at {report['fps']:g} a second, live; {machine['cpu']}, {machine['cores']} cores, the "
        f"default model in {engine}). Shown is when the window's view is drawn. Milliseconds, "
        f"p50 / p95 / p99.{'' if is_default(engine) else _OLDER_DELAYS}"
    )
    head = "picture, model, captured, shown, recorded, inferred, captured to shown, captured to its own marks"
    return table(heading, head, rows)


def is_default(engine: str) -> bool:
    """Whether it computed in the precision that is the default now."""
    precision: str = load("run-sample")["engine"]["precision"]
    return engine.endswith(precision)


def streams() -> str:
    """Servers that are killed and come back."""
    rows = []
    for run in load("streams")["runs"]:
        back = run["recover_s"]
        rows.append(
            (
                f"{run['stream']}, {run['server']}",
                f"{run['recoveries']} of {run['times']}",
                f"{run['detect_s']['max']:.2f} s",
                f"{back['median']:.2f} / {back['max']:.2f} s",
                f"{run['shown_again_as_new']} of {run['living_pictures']}",
                f"{run['rss_growth_after_warm_up']:+.1%}",
            )
        )
    heading = (
        "**A stream's server goes and comes back** (`python scripts/measure_streams.py`: servers in "
        "processes of their own, on loopback; every picture carries its time). Noticed: until a picture "
        "says so. Back: from the open port to the first living picture. Memory: of the run, the "
        f"last three losses against those after the third.{_OLDER}"
    )
    head = "stream and server, came back, noticed (max), back (median / max), shown again as new, memory"
    return table(heading, head, rows)


def kills() -> str:
    """Recordings whose process was killed."""
    rows = []
    for safety, title in SAFETIES.items():
        part = load("kills")["summary"][safety]
        rows.append(
            (
                title,
                f"{part['readable']} of {part['kills']}",
                f"{part['repaired_and_seeking']} of {part['kills']}",
                f"{part['lost_of_taken_mean']:.1f} / {part['lost_of_taken_max']}",
                f"{part['lost_of_captured_mean']:.1f} / {part['lost_of_captured_max']}",
                f"{part['lost_s_max']:.2f} s",
            )
        )
    heading = (
        "**A recording's process is killed** by SIGKILL at random moments (`python "
        "scripts/measure_kills.py`). Lost are frames, mean / max. Lost power was not tried."
    )
    head = "safety, readable, repaired, lost of those recorded, lost of those captured, in time (max)"
    return table(heading, head, rows)


def identity() -> str:
    """Bytes outside the marks."""
    runs = load("identity")["runs"]
    pictures, marked, status, outside = (
        sum(run[name] for run in runs)
        for name in ("pictures", "with_marks", "with_status", "bytes_changed_outside_marks")
    )
    return (
        f"**Pixels outside the marks** (`python scripts/measure_identity.py`, before encoding): {outside} "
        f"bytes differ from the source in {pictures} pictures of the phantom and two real clips, {marked} "
        f"of them with marks and {status} with a status."
    )


def soak() -> str:
    """An hour of faults."""
    report = load("soak")
    told = report["soak"]
    kinds = ", ".join(f"{count} {kind}" for kind, count in report["injected"]["kinds"].items())
    rows = [
        (check["name"], check["limit"], check["found"], check["verdict"].replace("broken", "**broken**"))
        for check in report["checks"]
    ]
    heading = (
        f"**Soak** (`scr-live soak --minutes {told['minutes']:g} --record DIR`, live {told['size']} at "
        f"{told['fps']:g} fps; faults made on purpose: {kinds})."
    )
    return f"{table(heading, 'what, limit, found, verdict', rows)}{open_questions(report)}"


def open_questions(report: dict[str, Any]) -> str:
    """What the table leaves open, in words."""
    unsettled = [check for check in report["checks"] if check["verdict"] == "not settled"]
    sentences = [
        f"The {check['name']} was {check['found']}: the interval holds values above the limit, so this soak "
        "does not show that it is kept, nor that it is not."
        for check in unsettled
    ]
    return "".join(f"\n\n{sentence}" for sentence in sentences)


def table(heading: str, head: str, rows: Iterable[Iterable[object]]) -> str:
    """Markdown; the names of the columns stand between commas."""
    names = head.split(", ")
    lines = [f"| {' | '.join(map(str, row))} |" for row in rows]
    return "\n".join([heading, "", f"| {' | '.join(names)} |", "|---" * len(names) + "|", *lines])


def latency(figures: dict[str, float]) -> str:
    """p50 / p95 / p99."""
    if not figures["count"]:
        return "-"
    return " / ".join(f"{figures[name]:.0f}" for name in ("p50", "p95", "p99"))


def load(name: str) -> dict[str, Any]:
    """Read one of the measured files."""
    loaded: dict[str, Any] = json.loads((FIGURES / f"{name}.json").read_text(encoding="utf-8"))
    return loaded
