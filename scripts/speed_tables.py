"""Speed side by side, of figures/bench*.json and its neighbours; readme_figures.py puts it in its place."""

from typing import Any

from measure_sizes import table
from resilience_tables import load

LAYERS_SHOWN = 8


def speeds() -> str:
    """All that `scr-live bench` and its neighbours measured."""
    return "\n\n".join(
        (engines(), layers(), sizes(), peers(), pipeline("file"), pipeline("live"), serving(), archive())
    )


def engines() -> str:
    """Engines and precisions in rounds."""
    report = load("bench")
    lines = [
        (
            "**Engines side by side** (`scr-live bench --engine openvino,onnxruntime --precision fp32,int8 "
            f"--layers`: {report['protocol']['rounds']} interleaved rounds, {cpu(report)}, pictures of "
            "1920x1080). Milliseconds of one request at a time; ratios are taken in each round, in brackets "
            "95 % intervals. In flight: answers a second of as many engines at once as pay. Floor: "
            "operations over the machine's measured peak, bytes over its copying speed."
        ),
        "",
        (
            "| engine | network, p50 / p95 / p99 | with cut, resize and contours, p50 | ratio to the first | "
            "in flight | its ratio | memory | times the floor |"
        ),
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in report["rows"]:
        if row["reason"] is not None:
            lines.append(f"| {row['label']} | {row['reason']} | - | - | - | - | - | - |")
            continue
        alone, whole = row["ms"]["infer"], row["ms"]["whole"]
        flight, floor = row["in_flight"], row["times_floor"]
        lines.append(
            f"| {row['label']} | {percentiles(alone)} | {whole['p50']:.1f} | "
            f"{ratio(row['ratio_to_first']['infer'])} | "
            f"{flight['answers_a_second']['median']:.1f} of {flight['engines']} | "
            f"{ratio(flight['ratio_to_first'])} | "
            f"{decimal(row['peak_memory_growth_mb'])} MB | {decimal(floor)} |"
        )
    return "\n".join([*lines, *busy(report)])


def layers() -> str:
    """The layers that take the time that is not the floor's."""
    lines = [
        (
            f"**Layers that cost most above their floor**, the {LAYERS_SHOWN} of each precision of OpenVINO "
            "(the table of all is in `figures/bench.json`):"
        ),
        "",
        "| engine | layer | kind | ms | floor | times |",
        "|---|---|---|---|---|---|",
    ]
    for row in load("bench")["rows"]:
        if row["reason"] is None and row["floor"] is not None and "openvino" in row["label"]:
            found = sorted(row["floor"]["layers"], key=lambda layer: layer["floor_ms"] - layer["ms"])
            lines += [layer_row(row["label"], layer) for layer in found[:LAYERS_SHOWN]]
    return "\n".join(lines)


def sizes() -> str:
    """What a smaller or larger input costs and brings."""
    report = load("sizes")
    how = f"{report['timing']['rounds']} rounds, {cpu(report)}"
    heading = (
        "**Input size against Dice and time** (`python scripts/measure_sizes.py --data DIR --calibration "
        "DIR`, extra `export`): the default weights exported at other sizes, not trained for them; all "
        f"pictures of validation together, times in OpenVINO side by side ({how}). In int8 no convolution "
        "stays in float at 256 to 320, one at 352, two at 384: the exporter's choice."
    )
    return f"{heading}\n\n{table(report['rows'])}"


def peers() -> str:
    """Other people's networks, next to ours."""
    report = load("bench-peers")
    lines = [
        (
            "**Networks side by side**, in OpenVINO and float32 (`python scripts/peers/make_peers.py --out "
            "out/peers`, extra `export`, then `scr-live bench --engine openvino --precision fp32 --model "
            f"scr-net-lite0 --model out/peers/unet.onnx ...`; {report['protocol']['rounds']} rounds, "
            f"{cpu(report)}). Peers are untrained, since speed does not depend on weights; "
            "`scripts/peers/README.md` has their sizes beside the reported ones. By how much the shipped "
            "default, in int8, is faster still stands in the table before."
        ),
        "",
        "| network | input | ms, p50 | ratio to `scr-net-lite0` |",
        "|---|---|---|---|",
    ]
    for row in report["rows"]:
        name = row["asked"]["model"].rsplit("/", 1)[-1].removesuffix(".onnx")
        if row["reason"] is not None:
            lines.append(f"| {name} | - | {row['reason']} | - |")
            continue
        lines.append(
            f"| {name} | {row['engine']['input_size']} | {row['ms']['infer']['p50']:.1f} | "
            f"{ratio(row['ratio_to_first']['infer'])} |"
        )
    return "\n".join([*lines, *busy(report)])


def pipeline(kind: str) -> str:
    """Where the processor's time of a 1080p frame goes."""
    report = load(f"pipeline-{kind}")
    (path,) = report["paths"]
    run, realtime = path["run"], report["protocol"]["realtime"]
    frames, delays = run["frames"], run["latency_ms"]
    clip, pictures = report["protocol"]["clip"], run["ai"]["pictures"]
    video, marks = delays["video_delay"], delays["annotation_delay"]
    told = f"{frames['captured']} captured, {frames['inferred']} inferred, {frames['recorded']} recorded; "
    told += (
        f"video delay p50 / p95 {video['p50']:.0f} / {video['p95']:.0f} ms, annotation delay "
        f"{marks['p50']:.0f} / {marks['p95']:.0f} ms; {pictures['on'] + pictures['behind']} pictures with "
        f"the marks of an answer, {pictures['late']} without, as it was too old"
        if realtime
        else f"{run['fps']:.1f} frames a second"
    )
    lines = [
        (
            f"**Where a 1080p frame's time goes, {'live at 30 a second' if realtime else 'as a file'}** "
            f"(`scr-live bench --pipeline {clip}{' --realtime' if realtime else ''}`, recorded, "
            f"{run['engine']['backend']} in {run['engine']['precision']}, {cpu(report)}): {told}."
        ),
        "",
        "| stage | wall time, p50 / p95 | core-milliseconds a frame | share of a core |",
        "|---|---|---|---|",
    ]
    for part in path["shares"]:
        wall = part["wall_ms"]
        times = "-" if wall is None else f"{wall['p50']:.1f} / {wall['p95']:.1f}"
        lines.append(f"| {part['name']} | {times} | {part['cpu_ms_a_frame']:.1f} | {part['of_a_core']:.0%} |")
    total = sum(part["cpu_ms_a_frame"] for part in path["shares"])
    share = sum(part["of_a_core"] for part in path["shares"])
    return "\n".join([*lines, f"| all | - | {total:.1f} | {share:.0%} |", *busy(report)])


def serving() -> str:
    """What viewers cost the run, and what they see."""
    report = load("serving")
    lines = [
        (
            "**The page's viewers** (`python scripts/measure_serving.py`: a 1080p clip at 25 a second, an "
            "engine that answers at once; run, server and viewers share the machine, "
            f"{cpu(report)}). Age: from when a picture was due to its arrival; in Chromium, to when a number "
            "burnt into it can be read on the page's own canvas."
        ),
        "",
        (
            "| viewers | the run: pictures a second | its video delay p50 / p99 | theirs | age p50 / p95 | "
            "server's memory |"
        ),
        "|---|---|---|---|---|---|",
    ]
    for row in (*report["viewers"], report["minute"]):
        memory = row["server_memory_mb"]
        seen = (
            f"{row['viewer_fps']['mean']:.1f} | {row['age_ms']['p50']:.0f} / {row['age_ms']['p95']:.0f} ms"
            if "viewer_fps" in row
            else "- | -"
        )
        lines.append(
            f"| {row['viewers']}, for {row['seconds']:.0f} s | {row['run_fps']:.1f} | {delay(row)} | "
            f"{seen} | {memory[1]:.0f} to {memory[-1]:.0f} MB |"
        )
    for row in report["browser"]:
        width, height = row["window"]
        sent = "x".join(map(str, row["sent_px"]))
        lines.append(
            f"| Chromium, {width}x{height}, sent {sent} | {row['run_fps']:.1f} | {delay(row)} | "
            f"{row['fps']:.1f} | {row['age_ms']['p50']:.0f} / {row['age_ms']['p95']:.0f} ms | - |"
        )
    for row in report["hang"]:
        title = "its server hangs (SIGSTOP)" if row["hangs"] else "nobody, for comparison"
        lines.append(f"| {title} | {row['run_fps']:.1f} | {delay(row)} | - | - | - |")
    return "\n".join(lines)


def archive() -> str:
    """What a second worker brings, and that a killed archive is done once."""
    report = load("archive")
    one, two, killed = (report[name] for name in ("one_worker", "two_workers", "killed_and_resumed"))
    kept = " and ".join(map(str, killed["kept_at_each_kill"]))
    return (
        f"**Archive** (`python scripts/measure_archive.py`: 20 clips of the phantom, {one['frames']} frames "
        f"in all, {cpu(report)}): {one['frames_per_s']:.1f} frames a second with one worker, "
        f"{two['frames_per_s']:.1f} with two, {report['two_workers_to_one']:.2f} times as many, the start of "
        f"the processes included. Killed twice by SIGKILL, with {kept} clips done, and gone on with: of what "
        f"was done, {killed['done_twice']} were done again, and all tables are the same."
    )


def layer_row(label: str, layer: dict[str, Any]) -> str:
    """One line of the layers' table."""
    name = layer["name"].removesuffix("/WithoutBiases")
    return (
        f"| {label} | `{name}` | {layer['kind']} {layer['primitive']} | {layer['ms']:.2f} | "
        f"{layer['floor_ms']:.2f} | {decimal(layer['times_floor'])} |"
    )


def decimal(value: float | None) -> str:
    """Write a figure that may be missing."""
    return "-" if value is None else f"{value:.1f}"


def cpu(report: dict[str, Any]) -> str:
    """Say on what it was measured."""
    return f"{report['machine']['cpu']}, {report['machine']['cores']} cores"


def busy(report: dict[str, Any]) -> list[str]:
    """Repeat what the measurement says of the machine's other work."""
    return ["", *report["notes"]] if report["notes"] else []


def percentiles(latency: dict[str, Any]) -> str:
    """Write p50, p95 and p99, where there are enough samples for them."""
    return " / ".join(
        "-" if latency[name] is None else f"{latency[name]:.1f}" for name in ("p50", "p95", "p99")
    )


def ratio(found: dict[str, Any]) -> str:
    """Write a ratio and its interval."""
    interval = found["interval_95"]
    return f"{found['median']:.2f}" + (f" ({interval[0]:.2f}-{interval[1]:.2f})" if interval else "")


def delay(row: dict[str, Any]) -> str:
    """Write a run's video delay."""
    return f"{row['video_delay_ms']['p50']:.0f} / {row['video_delay_ms']['p99']:.0f} ms"
