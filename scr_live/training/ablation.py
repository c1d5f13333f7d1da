"""`scr-live ablate`: the four networks of the paper's Table 1, trained and measured alike. Needs torch."""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import fields, replace
from pathlib import Path
from typing import Final, Protocol

from scr_live.errors import DataError, OptionError, OutputExistsError, OutputUnwritableError
from scr_live.evaluation.command import EvaluateConfig, evaluate_sets
from scr_live.evaluation.intervals import DEFAULT_RESAMPLES, Estimate, mean_estimates
from scr_live.evaluation.judged_model import ModelOptions
from scr_live.evaluation.metrics import score
from scr_live.evaluation.report import Report
from scr_live.files import check_writable, write_json, write_text
from scr_live.machine import machine_facts
from scr_live.network.scr_net import ScrNet
from scr_live.training.ablation_table import VARIANTS, Gains, Measured, Variant, as_json, as_markdown
from scr_live.training.command import Listeners, train
from scr_live.training.config import TrainConfig
from scr_live.training.distributed import world_size
from scr_live.training.recipe import Recipe
from scr_live.training.run_folder import is_run, read_run

_EVALUATION: Final = "evaluation"


class Audience(Protocol):
    """Who hears of an ablation, and ends it."""

    def training(self, title: str) -> AbstractContextManager[Listeners]:
        """For as long as one network is trained."""

    def evaluating(self, title: str) -> AbstractContextManager[Callable[[int, int], None]]:
        """For as long as one is measured: pictures done, of how many."""

    def wants_end(self) -> bool:
        """Whether to end at the next opportunity."""


def ablate(config: TrainConfig, audience: Audience, *, evaluate_only: bool = False) -> str | None:
    """Train or continue the four, then measure them; the table is returned as it stands in ablation.md.

    config: as for `train`; `out` gets a folder for each network, ablation.json and ablation.md.
    None: ended before all were trained and measured; the same call continues there.
    Raises what `train` raises, OptionError beside other processes of torchrun, and DataError if runs that
    are there were not made alike.
    """
    _check_alone(config.out)
    _check_results(config.out)
    if not evaluate_only:
        _check(config)
        for variant in VARIANTS:
            with audience.training(variant.title) as listeners:
                result = train(_of_variant(config, variant), listeners)
            if result.step < result.steps or audience.wants_end():
                return None
    found = [variant for variant in VARIANTS if is_run(config.out / variant.folder)]
    if not found:
        raise DataError(
            f"{config.out} holds none of the four runs, {', '.join(one.folder for one in VARIANTS)}. Train "
            "them first, without --evaluate-only."
        )
    _check_alike(config.out, found)
    measured = []
    for variant in found:
        with audience.evaluating(variant.title) as progress:
            measured.append(_measure(config, variant, progress))
        if audience.wants_end():
            return None
    return _write(config.out, measured)


def _check_alone(out: Path) -> None:
    """Raise OptionError under torchrun: the table is one process's work, and a group forms but once in it."""
    if world_size() != 1:
        raise OptionError(
            f"ablate works in one process, and torchrun started {world_size()}. Train each network by "
            f"itself: `torchrun --nproc-per-node N -m scr_live train --out {out / VARIANTS[0].folder} --set "
            "network.scm=false --set network.srm=false` and with the same recipe and data into "
            f"{', '.join(one.folder for one in VARIANTS[1:])} beside it with SCM, SRM or both true; then "
            f"measure them by `scr-live ablate --out {out} --evaluate-only`."
        )


def _check_results(out: Path) -> None:
    """Raise now, and not after days of training, what keeps the table from being written."""
    table, text = out / "ablation.json", out / "ablation.md"
    if text.is_dir():
        raise OutputUnwritableError(
            f"{text} is a folder, and the table is to be written there. Give another --out."
        )
    if text.exists() and not table.exists():
        raise OutputExistsError(
            f"{text} is there and belongs to no ablation; it is left as it is. Give another --out."
        )
    if out.is_dir():
        check_writable(table)


def _check(config: TrainConfig) -> None:
    for setting in config.settings:
        if setting.replace(" ", "").startswith(("network.scm=", "network.srm=", "network=")):
            raise OptionError(
                f"--set {setting}: an ablation switches SCM and SRM itself. Leave it out, and set other keys "
                "of the network one by one, such as network.encoder."
            )


def _of_variant(config: TrainConfig, variant: Variant) -> TrainConfig:
    """The run of one network: a new one, or the one that is there."""
    folder = config.out / variant.folder
    is_there = is_run(folder)
    switches = (f"network.scm={str(variant.scm).lower()}", f"network.srm={str(variant.srm).lower()}")
    return replace(
        config,
        out=folder,
        settings=(*config.settings, *switches),
        resume=is_there,
        name="" if is_there else f"scr-net-{Path(config.recipe).stem}-{variant.folder}",
    )


def _check_alike(out: Path, variants: Sequence[Variant]) -> None:
    runs = {variant.folder: read_run(out / variant.folder) for variant in variants}
    first, (recipe, facts) = next(iter(runs.items()))
    for folder, (other, other_facts) in runs.items():
        switched = replace(
            other, network=replace(other.network, scm=recipe.network.scm, srm=recipe.network.srm)
        )
        differing = [e.name for e in fields(Recipe) if getattr(switched, e.name) != getattr(recipe, e.name)]
        if other_facts["sets"] != facts["sets"]:
            differing.append("the pictures")
        if differing:
            raise DataError(
                f"{out / first} and {out / folder} were not trained alike: they differ in "
                f"{', '.join(differing)}, so a table of them would say nothing of SCM and SRM. Train the "
                "four by one command, into another --out."
            )


def _measure(config: TrainConfig, variant: Variant, progress: Callable[[int, int], None]) -> Measured:
    folder = config.out / variant.folder
    recipe, facts = read_run(folder)
    evaluation = evaluate_sets(
        EvaluateConfig(
            data=config.data or tuple(Path(path) for path in facts["data"]),
            split="val",
            judged=ModelOptions(str(folder), "pytorch", threads=config.threads),
            json=folder / f"{_EVALUATION}.json",
            csv=folder / f"{_EVALUATION}.csv",
        ),
        progress=progress,
    )
    if evaluation.problems:
        raise evaluation.problems[0]
    trained, validated = (_rows(folder / name) for name in ("train.csv", "validation.csv"))
    return Measured(
        variant,
        recipe,
        facts,
        parameters=sum(value.numel() for value in ScrNet(recipe.network).parameters()),
        # From the logs: the state would have to be loaded whole, and put aside if it is damaged.
        step=_last_step([*trained, *validated]) or 0,
        best_step=_last_step([row for row in validated if row.get("best") == "1"]),
        sets=tuple(one.whole for one in evaluation.report.sets),
        iou=_iou_by_picture(evaluation.report),
    )


def _rows(log: Path) -> list[dict[str, str]]:
    """Empty if it cannot be read: no figure of the table depends on it."""
    try:
        with log.open(newline="", encoding="utf-8", errors="replace") as stream:
            return list(csv.DictReader(stream, restval=""))
    except (OSError, csv.Error):
        return []


def _last_step(rows: Iterable[Mapping[str, str]]) -> int | None:
    """A row that was cut short by a crash ends in a part of its step, which is less."""
    steps = [row.get("step", "") for row in rows]
    return max((int(step) for step in steps if step.isdecimal()), default=None)


def _iou_by_picture(report: Report) -> dict[tuple[str, str], float]:
    return {
        (name, result.entry.image.name): score(result.counts).iou
        for name, results in report.results.items()
        for result in results
        if result.has_polyp
    }


def _gains(measured: Sequence[Measured]) -> Gains:
    """How much higher each IoU is than the baseline's, picture by picture; nothing without a baseline."""
    baseline, *others = measured
    if baseline.variant.has_any:
        return {}
    gains: dict[str, dict[str, Estimate | None]] = {}
    for one in others:
        for name in (entry.name for entry in one.sets):
            pictures = [key for key in one.iou if key[0] == name and key in baseline.iou]
            columns = {"iou": [one.iou[key] - baseline.iou[key] for key in pictures]}
            estimate = mean_estimates(columns, resamples=DEFAULT_RESAMPLES)["iou"]
            gains.setdefault(one.variant.folder, {})[name] = estimate
    return gains


def _write(out: Path, measured: Sequence[Measured]) -> str:
    gains = _gains(measured)
    write_json(out / "ablation.json", {**as_json(measured, gains), "machine": machine_facts()})
    text = as_markdown(measured, gains)
    write_text(out / "ablation.md", text)
    return text
