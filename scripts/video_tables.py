"""What alert rules cost, of figures/video-*.json; readme_figures.py puts it in its places."""

import json
import textwrap
from typing import Any

from resilience_tables import load

VIDEOS = (
    ("normal-clip", "a real clip without a polyp (looked at in development)"),
    ("normal-clip-unsteady", "the same, `--no-steady`"),
    ("polyp-clip", "a real clip with a polyp (looked at in development)"),
    ("polyp-clip-unsteady", "the same, `--no-steady`"),
    ("phantom", "phantom, seed 0"),
    ("phantom-clean", "phantom without a polyp, seed 4"),
)
WAYS = ("left", "carried")
PARAGRAPH = "\n\n"  # what Typer begins a new line at


def videos() -> str:
    """What each alert rule costs, clip by clip; the clips come with the first figure that is there."""
    lines = [
        "**Alert rules** (`scr-live evaluate-video CLIP --truth FILE|none|phantom`; a region is announced",
        "when it has been seen for so long; in brackets exact 95 % intervals). First mark: after a polyp",
        "comes into view, median; that of the real clip was boxed by eye, by one person. Marked: of the",
        'frames with a polyp. Flips: of "any mark", per 1,000 frames.',
        "",
        "| clip | rule | false alarms a minute | first mark | polyps missed | marked | flips |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, bare in VIDEOS:
        report = load(f"video-{name}")
        (clip,) = report["clips"]
        title = f"{bare}{in_other_precision(report['engine'])}"
        for rule in clip["rules"]:
            alarms, after = rule["false_alarms"], rule["mark_after_median_s"]
            interval = f"{alarms['low']:.1f}-{alarms['high']:.1f}"
            lines.append(
                f"| {title}, {clip['length_s']:.0f} s | {rule['rule_s']:g} s | "
                f"{alarms['per_minute']:.1f} ({interval}) | {'-' if after is None else f'{after:.2f} s'} | "
                f"{share(rule['missed_share'])} | {share(rule['frame_sensitivity'])} | "
                f"{rule['flips_per_1000']:.0f} |"
            )
    return "\n".join([*lines, "", following(), "", carrying()])


def in_other_precision(engine: str) -> str:
    """Say in which precision it was measured, if that is not the default's any more."""
    precision = engine.rsplit(" ", 1)[-1]
    return "" if precision == load("run-sample")["engine"]["precision"] else f" (in {precision})"


def alert_rules() -> str:
    """The module that `run --help` quotes: what rules cost on a real clip without and on one with a polyp."""
    normal, polyp = (load(name) for name in ("video-normal-clip", "video-polyp-clip"))
    of_normal, of_polyp = (f"{report['clips'][0]['length_s']:.0f} s" for report in (normal, polyp))
    heading = (
        f"Measured with {normal['model']}: false alarms a minute in a real clip without a polyp "
        f"({of_normal}, in brackets 95 % intervals), first mark of the polyp in another ({of_polyp})."
    )
    table = map(rule_line, normal["rules"], polyp["rules"])
    paragraphs = [f"{text}{PARAGRAPH}" for text in (heading, *table)] + ["On your own clips: scr-live tune."]
    lines = [line for text in paragraphs for line in pieces(text)]
    quoted = "\n".join(f"    {json.dumps(line)}" for line in lines)
    return (
        '"""What alert rules cost, for `run --help`; made by scripts/readme_figures.py."""\n\n'
        f"from typing import Final\n\nMEASURED: Final = (\n{quoted}\n)\n"
    )


def rule_line(normal: dict[str, Any], polyp: dict[str, Any]) -> str:
    """What one rule costs on the two clips."""
    alarms, wait_s = normal["false_alarms"], polyp["mark_after_median_s"]
    interval = f"{alarms['low']:.1f}-{alarms['high']:.1f}"
    first = "never" if wait_s is None else f"{wait_s:.2f} s"
    return f"{normal['rule_s']:g} s: {alarms['per_minute']:.1f} ({interval}); {first}"


def pieces(text: str) -> list[str]:
    """Cut a text, between words, into what fits a line of the module."""
    return textwrap.wrap(text, 96, drop_whitespace=False, replace_whitespace=False)


def following() -> str:
    """What it costs to follow a video."""
    r = load("tracking")
    cost = both_exactly(r["tracking_ms"])
    return (
        f"**Following a video** costs {cost} a frame (p50 / p99, `python scripts/measure_tracking.py`, "
        f"{r['frames']} frames of the phantom; the model itself {both_exactly(r['inference_ms'])})."
    )


def carrying() -> str:
    """How well marks that are carried stay in their place."""
    r = load("carrying")
    lines = [
        (
            "**Marks of an earlier frame** (`python scripts/measure_carrying.py CLIP`): how much they "
            "overlap with those of the frame they are drawn on (intersection over union, mean; in brackets "
            "the share of frames with a half and more), left where they were and carried along with the "
            "motion since. In the sample clip against its ground truth, in the real one against the model's "
            f"own answers. Carrying costs {both_exactly(r['ms_a_frame'])} a frame (p50 / p99) while marks "
            "are shown."
        ),
        "",
        "| age of the marks | sample clip: left | carried | a real clip with a polyp: left | carried |",
        "|---|---|---|---|---|",
    ]
    sample, real = (clip["ages"] for clip in r["clips"])
    for one, other in zip(sample, real, strict=True):
        cells = [f"{row[way]['iou']:.2f} ({row[way]['half']:.0%})" for row in (one, other) for way in WAYS]
        lines.append(f"| {one['age_ms']} ms | {' | '.join(cells)} |")
    return "\n".join(lines)


def both_exactly(latency: dict[str, float]) -> str:
    """Write p50 and p99 of a latency to a tenth of a millisecond."""
    return f"{latency['p50']:.1f} / {latency['p99']:.1f} ms"


def share(value: float | None) -> str:
    """Write a share as a percentage."""
    return "-" if value is None else f"{value:.1%}"
