"""Input size against Dice and time: export at each size, judge on image sets, time all of them side by side.

    python scripts/measure_sizes.py --data DIR/kvasir-seg --data DIR/negatives --calibration DIR/kvasir-seg

The same weights at every size, in fp32 and int8, in OpenVINO. `--only accuracy`, which no other load changes,
and `--only time` measure one of them and leave what --out has of the other. With --exports, exports are kept
there and used again. Needs the extra `export`.
"""

import argparse
import contextlib
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from scr_live.bench.command import measure_engines
from scr_live.bench.config import BenchConfig
from scr_live.bench.config import check as check_bench
from scr_live.card import read_json
from scr_live.errors import EngineUnavailableError, OptionError, ScrLiveError
from scr_live.evaluation.command import EvaluateConfig, evaluate_sets
from scr_live.evaluation.judged_model import ModelOptions
from scr_live.evaluation.summary import SetSummary
from scr_live.files import check_writable, write_json
from scr_live.machine import machine_facts, processor_facts
from scr_live.manifest import Manifest, read_manifest
from scr_live.shipped import DEFAULT_MODEL

SIZES: Final = "256,288,320,352,384"
STANDARD: Final = 352
ENGINE: Final = "openvino"
PRECISIONS: Final = ("fp32", "int8")
COLUMNS: Final = (
    ("Dice", ".3f", ("accuracy", "dice", "value")),
    ("Dice of small polyps", ".3f", ("accuracy", "dice_small", "value")),
    ("polyps hit", ".1%", ("accuracy", "polyps_hit", "value")),
    ("negatives marked", ".1%", ("accuracy", "negatives_marked", "value")),
    ("ms", ".1f", ("time", "infer_ms", "median")),
    ("times the standard size's", ".2f", ("time", "infer_ratio", "median")),
)

Rows = dict[tuple[int, str], dict[str, Any]]
"""JSON objects by size and precision."""


def main() -> int:
    """Measure what was asked for, write it and print the table. Returns the exit code."""
    options = parsed()
    try:
        check(options)
        with contextlib.ExitStack() as stack:
            folder = options.exports or Path(stack.enter_context(TemporaryDirectory()))
            report = measured(options, {size: export_in(folder, size, options) for size in options.sizes})
        write_json(options.out, report)
    except ScrLiveError as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, OptionError) else 1
    print(table(report["rows"]))
    return 0


def parsed() -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, action="append", default=[], help="image set to judge on")
    parser.add_argument("--split", default="val")
    parser.add_argument("--calibration", type=Path, help="image set that int8 is made and compared on")
    parser.add_argument("--ckpt", type=Path, default=Path(DEFAULT_MODEL))
    parser.add_argument("--sizes", default=SIZES, help="sides with commas, multiples of 32")
    parser.add_argument("--seconds", type=float, default=40.0, help="of timing, all sizes together")
    parser.add_argument("--only", choices=("accuracy", "time"))
    parser.add_argument("--exports", type=Path, help="folder for the exports; without: a temporary one")
    parser.add_argument("--out", type=Path, default=Path("figures/sizes.json"))
    return parser.parse_args()


def check(options: argparse.Namespace) -> None:
    """Read the sizes, and refuse what cannot be meant before anything is made."""
    try:
        options.sizes = [int(part) for part in options.sizes.split(",")]
    except ValueError as error:
        raise OptionError(f"--sizes must be whole numbers with commas; found {options.sizes!r}.") from error
    if options.only != "time" and not options.data:
        raise OptionError("Accuracy needs pictures: name at least one image set with --data.")
    check_writable(options.out)


def export_in(folder: Path, size: int, options: argparse.Namespace) -> Path:
    """The fp32 file of that size, int8 beside it; made if it is not there yet."""
    out = folder / str(size)
    manifest = read_manifest(out)
    if manifest is None:
        print(f"exporting at {size}", file=sys.stderr)
        manifest = export_to(out, size, options)
    return out / manifest.artifacts[0].file


def export_to(out: Path, size: int, options: argparse.Namespace) -> Manifest:
    """Export, each file compared with PyTorch."""
    try:
        from scr_live.convert.command import export  # noqa: PLC0415 - an extra
        from scr_live.convert.config import ExportConfig  # noqa: PLC0415
        from scr_live.convert.making import Listeners  # noqa: PLC0415
    except ImportError as missing:
        raise EngineUnavailableError(
            f"Exporting at other sizes needs {missing.name}, which is not installed. Install it with "
            '`pip install "scr-live[export]"`, or name finished exports with --exports.'
        ) from missing
    config = ExportConfig(
        options.ckpt,
        out,
        precisions=PRECISIONS,
        forms=("native",),
        size=size,
        calibration=options.calibration,
        verify=options.calibration,
    )
    silent = Listeners(note=lambda _: None, progress=lambda _done, _total: None, publishing=lambda: None)
    return export(config, silent).manifest


def measured(options: argparse.Namespace, files: dict[int, Path]) -> dict[str, Any]:
    """Measure accuracy, time or both; what is not measured is taken from --out."""
    report: dict[str, Any] = read_json(options.out) if options.only and options.out.exists() else {}
    known = {(row["size"], row["precision"]): row for row in report.get("rows", [])}
    keys = [(size, precision) for precision in PRECISIONS for size in files]
    rows = {key: known.get(key, {"size": key[0], "precision": key[1]}) for key in keys}
    if options.only != "time":
        judge(rows, files, options)
        sets = [f"DATA/{directory.absolute().name}" for directory in options.data]
        report |= {"sets": sets, "split": options.split}
    if options.only != "accuracy":
        report["timing"] = take_times(rows, files, options.seconds)
    return report | {"rows": list(rows.values()), "machine": {**machine_facts(), **processor_facts()}}


def judge(rows: Rows, files: dict[int, Path], options: argparse.Namespace) -> None:
    """Find the accuracy over all sets together, as `scr-live evaluate` does."""
    for (size, precision), row in rows.items():
        print(f"judging {size} {precision}", file=sys.stderr)
        judged = ModelOptions(str(files[size]), engine=ENGINE, precision=precision)
        report = evaluate_sets(EvaluateConfig(tuple(options.data), split=options.split, judged=judged)).report
        row["model_sha256"] = report.model_sha256
        row["accuracy"] = accuracy(report.pooled)


def accuracy(found: SetSummary) -> dict[str, Any]:
    """Counts, and means with their intervals; None where there is no such picture."""
    small = next(part for part in found.sizes if part.name == "small")
    estimates = {
        "dice": found.whole.estimates["dice"],
        "dice_small": small.estimates["dice"],
        "polyps_hit": found.whole.estimates["polyps_hit"],
        "negatives_marked": found.whole.estimates["marked_negatives"],
    }
    counts = {"pictures": found.whole.images, "negatives": found.whole.negatives, "small": small.polyps}
    means = {
        name: one and {"value": one.value, "interval_95": one.interval()} for name, one in estimates.items()
    }
    return counts | means


def take_times(rows: Rows, files: dict[int, Path], seconds: float) -> dict[str, Any]:
    """Time all in interleaved rounds; ratios are to the standard size, or the largest, in each precision."""
    config = BenchConfig(
        models=tuple(map(str, files.values())),
        engines=(ENGINE,),
        precisions=PRECISIONS,
        seconds=seconds,
        has_throughput=False,
        has_memory=False,
        has_floor=False,
    )
    check_bench(config)
    print(f"timing for {seconds:g} s", file=sys.stderr)
    report = measure_engines(config)
    if reason := next((row.reason for row in report.rows if row.reason), None):
        raise EngineUnavailableError(reason)
    keys = [(size, precision) for size in files for precision in PRECISIONS]
    timed = dict(zip(keys, report.rows, strict=True))
    standard = STANDARD if STANDARD in files else max(files)
    for (size, precision), row in timed.items():
        rows[size, precision]["time"] = {
            "infer_ms": row.middle("infer").as_dict(),
            "infer_ratio": row.ratio("infer", timed[standard, precision]).as_dict(),
            "whole_ms": row.middle("whole").as_dict(),
        }
    return {"standard": standard, "rounds": report.rounds, "load": report.load, "notes": list(report.notes)}


def table(rows: list[dict[str, Any]]) -> str:
    """In Markdown; `-` for what was not measured."""
    titles = ("size", "precision", *(title for title, _, _ in COLUMNS))
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for row in rows:
        cells = [shown(row, path, how) for _, how, path in COLUMNS]
        lines.append(f"| {' | '.join((str(row['size']), row['precision'], *cells))} |")
    return "\n".join(lines)


def shown(row: dict[str, Any], path: tuple[str, ...], how: str) -> str:
    """A figure of a row, by the keys that lead to it."""
    found: Any = row
    for key in path:
        found = (found or {}).get(key)
    return "-" if found is None else format(found, how)


if __name__ == "__main__":
    sys.exit(main())
