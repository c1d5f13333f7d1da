"""Put what figures/*.json say where people read it: README.md, the models' cards, `run --help`.

    python scripts/readme_figures.py

In the pages it stands between markers.
"""

from pathlib import Path
from typing import Any

from resilience_tables import load, resilience
from speed_tables import speeds
from video_tables import alert_rules, in_other_precision, share, videos

BEGIN, END = "<!-- figures: made by scripts/readme_figures.py -->", "<!-- end of figures -->"
FIGURES = Path("figures")
HELP = Path("scr_live/cli/alert_rules.py")

RUNS = (
    ("sample", "sample clip, 640x512"),
    ("sample-fp32", "the same, `--precision fp32`"),
    ("sample-onnxruntime", "the same, `--engine onnxruntime`"),
    ("polyp-clip", "a real clip with a polyp, 560x480"),
    ("polyp-clip-realtime", "the same, `--realtime`: as if live"),
    ("normal-clip", "a real clip without a polyp, 420x288 (looked at in development)"),
)
SETS = (
    ("kvasir-seg", "Kvasir-SEG, validation"),
    ("cvc-clinicdb", "CVC-ClinicDB, two sequences held out"),
    ("negatives", "frames without a polyp, validation"),
    ("all sets", "all of them"),
)
HEAD = (
    "| set | pictures | Dice | IoU | sensitivity | specificity | polyps hit | negatives marked |\n"
    "|---|---|---|---|---|---|---|---|"
)


def main() -> None:
    """Rewrite all of them."""
    fill(
        Path("README.md"),
        machine(),
        accuracy(),
        plain(),
        speed(),
        speeds(),
        parts(),
        videos(),
        resilience(),
        exports(),
        phantom(),
    )
    fill(Path("models/scr-net-lite0/README.md"), machine(), accuracy(), phantom(), shortcuts())
    table1 = [ablation()] if (FIGURES / "ablation.json").exists() else []  # takes hours to make
    fill(Path("models/scr-net-plain/README.md"), where(), plain(), *table1)
    HELP.write_text(alert_rules(), encoding="utf-8")


def fill(page: Path, *parts: str) -> None:
    """Replace what stands between the markers."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{page} lacks the markers {BEGIN} and {END}.")
    body = "\n\n".join(parts)
    page.write_text(f"{before}{BEGIN}\n\n{body}\n\n{END}{after}", encoding="utf-8")


def where() -> str:
    """On what machine and with what packages the figures were made."""
    facts = load("run-sample")["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in facts["packages"].items())
    return (
        f"Machine: {facts['cpu']}, {facts['cores']} cores, {facts['system']}, Python {facts['python']}; "
        f"{packages}."
    )


def machine() -> str:
    """Where and with what the figures of the default model were made."""
    engine = load("run-sample")["engine"]
    return (
        f"{where()} Model `{engine['model']}` at {engine['input_size']} px, sha256 of its ONNX file "
        f"`{engine['model_sha256'][:16]}...`."
    )


def accuracy() -> str:
    """Means over pictures, a row a set and a source, then by polyp size."""
    report, other = load("accuracy"), load("accuracy-fp32")
    named = {part["set"]: part for part in (*report["sets"], report)}
    rows = []
    for name, title in SETS:
        rows.append(accuracy_row(title, named[name]))
        if not named[name]["positives"]:
            rows += [
                accuracy_row(f"&nbsp;&nbsp;{source}", part)
                for source, part in named[name]["by_source"].items()
            ]
    rows.append(accuracy_row("all, `--precision fp32`", other))
    rows += [
        accuracy_row(f"all, {size} polyps", report["by_size"][size]) for size in ("small", "medium", "large")
    ]
    limits = report["by_size"]
    heading = (
        "**Accuracy** (`scr-live evaluate --data DIR --data DIR ... --split val`, threshold "
        f"{report['threshold']:g}; in brackets 95 % intervals). Dice, IoU and sensitivity are means over "
        "the pictures with a polyp, specificity over all. Small polyps cover less than "
        f"{limits['small_below']:.0%} of the field, large ones {limits['large_from']:.0%} and more."
    )
    return "\n".join(
        [
            heading,
            "",
            HEAD,
            *rows,
        ]
    )


def plain() -> str:
    """The paper's network beside the paper's figures."""
    report = load("accuracy-plain")
    named = {part["set"]: part for part in report["sets"]}
    paper = "| the paper, 200 test pictures at 448 px | 200 | 0.808 | 0.709 | 0.892 | 0.9821 | - | - |"
    return "\n".join(
        [
            "**The paper's network from scratch** (`--model scr-net-plain`; its card says how):",
            "",
            HEAD,
            *(accuracy_row(title, named[name]) for name, title in SETS if name in named),
            paper,
        ]
    )


def ablation() -> str:
    """The paper's Table 1, made by `scr-live ablate`."""
    report = load("ablation")
    lines = [
        f"**{report['title']}** (`scr-live ablate`)",
        "",
        "| network | parameters | IoU | paper | sensitivity | paper | specificity | paper | IoU gained |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for variant in report["variants"]:
        part = variant["sets"][0]
        cells = [variant["title"], f"{variant['parameters'] / 1e6:.2f} M"]
        for key, form in (("iou", ".3f"), ("sensitivity", ".3f"), ("specificity", ".4f")):
            cells += [with_interval(part, key, form), f"{variant['paper'][key]:{form}}"]
        gain = part["iou_gain"]
        cells.append("-" if gain is None else with_interval(*gain_as_part(gain), "+.3f"))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", *report["notes"]])


def gain_as_part(gain: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """A gain in the shape of a set's figures."""
    return {"gain": gain["value"], "intervals": {"gain": gain["interval"]}}, "gain"


def exports() -> str:
    """How closely each exported file agrees with PyTorch."""
    lines = [
        "**Exports against PyTorch in float32** (`scr-live export --precision fp32,fp16,int8`",
        "`--engine tensorrt-rtx --calibration kvasir-seg --verify kvasir-seg`: 100 validation pictures of",
        "Kvasir-SEG and 8 synthetic ones; a star: the synthetic ones alone). Flipped: pixels on the other",
        "side of 0.5. The rows of `scr-net-plain` are older: its int8 had weights of 8 bits.",
        "",
        "| file | MB | computed by | largest difference | mean | flipped | Dice | Dice of PyTorch |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for model in ("scr-net-lite0", "scr-net-plain"):
        for artifact in load(f"export-{model}")["artifacts"]:
            begin = f"| `{artifact['file']}` | {artifact['bytes'] / 1e6:.1f} |"
            if not artifact["parity_with_pytorch"]:
                lines.append(f"{begin} built, never run | - | - | - | - | - |")
            for name, found in artifact["parity_with_pytorch"].items():
                dice = [f"{found[key]:.4f}" if key in found else "-" for key in ("dice", "reference_dice")]
                star = "" if "dice" in found else " *"
                lines.append(
                    f"{begin} {name}{star} | {found['max_error']:.1e} | {found['mean_error']:.1e} | "
                    f"{found['flipped_share']:.3%} | {' | '.join(dice)} |"
                )
    return "\n".join(lines)


def accuracy_row(title: str, part: dict[str, Any]) -> str:
    """One line of the table."""
    cells = [with_interval(part, key, ".3f") for key in ("dice", "iou", "sensitivity")]
    cells.append(with_interval(part, "specificity", ".4f"))
    cells += [with_interval(part, key, ".1%") for key in ("polyps_hit", "marked_negatives")]
    return f"| {title} | {part['images']} | {' | '.join(cells)} |"


def with_interval(part: dict[str, Any], key: str, form: str) -> str:
    """Write a figure and its interval."""
    if part[key] is None:
        return "-"
    interval = part["intervals"][key]
    dash = " to " if form.startswith("+") else "-"  # beside signs, a dash reads as one more
    bounds = f" ({interval[0]:{form}}{dash}{interval[1]:{form}})" if interval else ""
    return f"{part[key]:{form}}{bounds}"


def speed() -> str:
    """Whole runs, recording included."""
    lines = [
        "**Speed** (`scr-live run --source CLIP --record OUT --no-display --stats FILE`: decoding,",
        "inference, drawing and H.264 encoding together; a file waits for nothing and drops nothing):",
        "",
        (
            "| clip | frames | recorded | dropped at the model | frames a second | inference p50 / p99 | "
            "annotation delay p50 / p99 | frames with a region |"
        ),
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, title in RUNS:
        r = load(f"run-{name}")
        frames, engine = r["frames"], r["latency_ms"]["stages"]["engine"]
        delay = r["latency_ms"]["annotation_delay"]
        live = r["source"]["live"]
        lines.append(
            f"| {title} | {frames['captured']} | {frames['recorded']} | {frames['dropped']['to-model']} | "
            f"{r['fps']:.1f} | {both(engine)} | "
            f"{both(delay) if live else 'not live'} | "
            f"{share(r['polyp_frames'] / max(frames['inferred'], 1))} |"
        )
    return "\n".join(lines)


def parts() -> str:
    """What surrounds the model, at 1080p."""
    r = load("parts")
    means = ", ".join(f"{name} {latency['mean']:.1f} ms" for name, latency in r["ms"].items())
    return (
        f"**Around the model**, mean a frame of {r['frame'][0]}x{r['frame'][1]} on one core "
        f"(`python scripts/measure_parts.py`): {means}."
    )


def phantom() -> str:
    """Flights whose truth is known."""
    r = load("phantom")
    command = f"python scripts/measure_phantom.py --flights {r['flights']} --seed {r['first_seed']}"
    return (
        f"**Phantom**{in_other_precision(r['engine'])} (`{command}`): "
        f"{r['polyps_marked']} of {r['polyps']} polyps marked at some time, "
        f"{r['frames_with_polyp_marked']} of {r['frames_with_polyp']} frames with a polyp, and "
        f"{r['frames_without_polyp_marked']} of {r['frames_without_polyp']} frames without one falsely. "
        "Other colons of the same renderer were a small part of the training pictures."
    )


def shortcuts() -> str:
    """What edits that tell the image sets apart change."""
    lines = [
        "**What tells the image sets apart, put into every picture**",
        "(`python scripts/measure_shortcuts.py --data DIR --data DIR`), before / after:",
        "",
        "| set | edit | pictures | Dice | pictures marked |",
        "|---|---|---|---|---|",
    ]
    for name, edits in load("shortcuts")["sets"].items():
        for edit, r in edits.items():
            dice = "-" if r["dice"] is None else f"{r['dice']:.3f} / {r['dice_edited']:.3f}"
            marked = f"{share(r['marked_share'])} / {share(r['marked_share_edited'])}"
            lines.append(f"| {name} | {edit} | {r['pictures']} | {dice} | {marked} |")
    return "\n".join(lines)


def both(latency: dict[str, float]) -> str:
    """Write p50 and p99 of a latency."""
    return f"{latency['p50']:.0f} / {latency['p99']:.0f} ms"


if __name__ == "__main__":
    main()
