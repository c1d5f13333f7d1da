"""The table of EVENTS.md: which facts it names of each event."""

import re
from pathlib import Path

import scr_live

ROOT = Path(scr_live.__file__).parents[1]
OF_EVERY_LINE = {"event", "at", "seq", "stream_s"}
LIVE_ONLY = {f"{of}_delay_{rank}_ms" for of in ("video", "annotation") for rank in ("p50", "p99")}


def manual() -> dict[str, set[str]]:
    """Facts by event, those of every line left out."""
    text = (ROOT / "scr_live/sinks/EVENTS.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([a-z]+-[a-z-]+)` \| (.*) \|$", text, re.MULTILINE))
    told = {kind: set(re.findall(r"`([a-z0-9_-]+)`", row)) for kind, row in rows.items()}
    return {kind: _without_names_of_events(facts, told) for kind, facts in told.items()}


def _without_names_of_events(facts: set[str], told: dict[str, set[str]]) -> set[str]:
    """`as sighting-opened` stands for its facts."""
    meant = set().union(*(told.get(fact, {fact}) for fact in facts))
    return meant - OF_EVERY_LINE - {"null"}
