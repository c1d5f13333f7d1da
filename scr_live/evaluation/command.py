"""What `scr-live evaluate` does, once its options are read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Final

from scr_live.errors import OptionError, ScrLiveError
from scr_live.evaluation.image_sets import Entry, find_entries
from scr_live.evaluation.images import ImageResult, evaluate_pictures
from scr_live.evaluation.intervals import DEFAULT_RESAMPLES
from scr_live.evaluation.judged_model import ModelOptions, opened
from scr_live.evaluation.report import Report
from scr_live.evaluation.sheet import draw_sheet, encode, worst_cases
from scr_live.evaluation.summary import SetSummary, summarize_set
from scr_live.evaluation.sweep import thresholds_with
from scr_live.evaluation.tables import (
    Row,
    csv_rows,
    interval_note,
    markdown,
    reliability_rows,
    set_rows,
    size_rows,
    sweep_rows,
)
from scr_live.files import check_results, write_csv, write_json, write_picture, write_text

DEFAULT_WORST: Final = 8
MOST_RESAMPLES: Final = 100_000
MOST_WORST: Final = 100
SHEET_SUFFIXES: Final = (".jpg", ".jpeg", ".png")

ALL_SETS: Final = "all sets"
"""Name of the row of all pictures together."""


@dataclass(frozen=True, slots=True)
class EvaluateConfig:
    """Everything `scr-live evaluate` can be told."""

    data: tuple[Path, ...]
    split: str | None = None
    judged: ModelOptions = field(default_factory=ModelOptions)
    sweep: bool = False
    bootstrap: int = DEFAULT_RESAMPLES
    json: Path | None = None
    csv: Path | None = None
    markdown: Path | None = None
    worst: Path | None = None
    worst_count: int = DEFAULT_WORST


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured, ready to be told."""

    report: Report
    """What --json writes, as objects."""
    tables: Mapping[str, Sequence[Row]]
    """By heading, the sets first."""
    notes: tuple[str, ...]
    problems: tuple[ScrLiveError, ...]
    """What could not be written; everything else was."""


def evaluate_sets(
    config: EvaluateConfig,
    *,
    progress: Callable[[int, int], None] | None = None,
    tell: Callable[[str], None] | None = None,
) -> Evaluation:
    """Measure the model on the sets and write the files asked for, each of them whatever befalls another.

    tell: hears of what takes long before the first picture, such as the build of a GPU engine.
    """
    _check(config)
    entries = _entries_of(config)
    with opened(config.judged, tell) as model:
        thresholds = thresholds_with(model.threshold) if config.sweep else ()
        pictures = list(chain.from_iterable(entries.values()))
        everything = iter(
            evaluate_pictures(
                model.engine, pictures, threshold=model.threshold, sweep=thresholds, progress=progress
            )
        )
        info = model.engine.info
    results = {name: list(islice(everything, len(part))) for name, part in entries.items()}
    sets, pooled = _summaries(results, thresholds, config.bootstrap)
    report = Report(
        model=config.judged.model,
        model_sha256=model.sha256,
        engine=info,
        split=config.split,
        threshold=model.threshold,
        resamples=config.bootstrap,
        sets=sets,
        pooled=pooled,
        results=results,
    )
    tables = _tables(report)
    notes = tuple(note for note in (*pooled.notes(), interval_note(config.bootstrap)) if note)
    text = markdown(report.title, {**tables, "Calibration of pixels": reliability_rows(pooled)}, notes)
    return Evaluation(report, tables, notes, problems=_write(config, report, text=text))


def _check(config: EvaluateConfig) -> None:
    config.judged.check()
    if not config.data:
        raise OptionError("No image set was given. Name at least one folder with --data.")
    if not 0 <= config.bootstrap <= MOST_RESAMPLES:
        raise OptionError(
            f"--bootstrap must be from 0 (no intervals) to {MOST_RESAMPLES} resamples; found "
            f"{config.bootstrap}."
        )
    if not 1 <= config.worst_count <= MOST_WORST:
        raise OptionError(f"--worst-count must be from 1 to {MOST_WORST}; found {config.worst_count}.")
    if config.worst is not None and config.worst.suffix.lower() not in SHEET_SUFFIXES:
        raise OptionError(
            f"--worst must name a picture of the type {', '.join(SHEET_SUFFIXES)}; found {config.worst}."
        )
    check_results(
        {
            "--json": config.json,
            "--csv": config.csv,
            "--markdown": config.markdown,
            "--worst": config.worst,
        }
    )


def _entries_of(config: EvaluateConfig) -> dict[str, list[Entry]]:
    """The pictures of each set under a name of its own, here and in themselves.

    All are found before the model is loaded.
    """
    seen: dict[Path, Path] = {}
    for directory in config.data:
        first = seen.setdefault(directory.resolve(), directory)
        if first is not directory:
            raise OptionError(f"--data names one set twice, {first} and {directory}. Leave one out.")
    names = [directory.absolute().name for directory in config.data]
    found = {}
    for folder, directory in zip(names, config.data, strict=True):
        name = folder if names.count(folder) == 1 else str(directory)
        found[name] = [replace(entry, set_name=name) for entry in find_entries(directory, config.split)]
    return found


def _summaries(
    results: Mapping[str, Sequence[ImageResult]], thresholds: Sequence[float], resamples: int
) -> tuple[tuple[SetSummary, ...], SetSummary]:
    """One a set, and that of all pictures together: of a single set, its own."""
    sets = tuple(
        summarize_set(name, part, thresholds=thresholds, resamples=resamples)
        for name, part in results.items()
    )
    if len(sets) == 1:
        return sets, sets[0]
    everything = list(chain.from_iterable(results.values()))
    pooled = summarize_set(ALL_SETS, everything, thresholds=thresholds, resamples=resamples)
    return sets, replace(pooled, sources=())  # a source is a set's own


def _tables(report: Report) -> dict[str, Sequence[Row]]:
    pooled = report.pooled
    tables: dict[str, Sequence[Row]] = {"": set_rows(report.sets, pooled)}
    if pooled.whole.positives:
        tables["By polyp size"] = size_rows(pooled)
    if pooled.sweep:
        best = pooled.recommended
        tables["Over thresholds"] = sweep_rows(
            pooled.sweep, chosen=report.threshold, recommended=best.threshold if best else None
        )
    return tables


def _write(config: EvaluateConfig, report: Report, *, text: str) -> tuple[ScrLiveError, ...]:
    """Write every file that was asked for; the errors of those that could not be."""

    def write_sheet(path: Path) -> None:
        cases = worst_cases(list(chain.from_iterable(report.results.values())), config.worst_count)
        sheet = draw_sheet(cases, title=report.title, with_set_names=len(report.results) > 1)
        write_picture(path, encode(sheet, path.suffix))

    problems: list[ScrLiveError] = []
    for path, write in (
        (config.json, lambda path: write_json(path, report.as_dict())),
        (config.csv, lambda path: write_csv(path, csv_rows(report.results))),
        (config.markdown, lambda path: write_text(path, text)),
        (config.worst, write_sheet),
    ):
        if path is None:
            continue
        try:
            write(path)
        except ScrLiveError as error:
            problems.append(error)
    return tuple(problems)
