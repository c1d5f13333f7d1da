import csv
import json
from contextlib import contextmanager

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch, of the extra `train`")
pytest.importorskip("safetensors", reason="needs safetensors, of the extra `train`")

import torch

from scr_live.errors import DataError, OptionError, OutputExistsError, OutputUnwritableError
from scr_live.training.ablation import ablate
from scr_live.training.command import Listeners
from scr_live.training.config import TrainConfig
from scr_live.training.events import StepDone
from scr_live.training.recipe_file import read_recipe

torch.set_num_threads(1)

SETTINGS = (
    "network.width=4",
    "sizes=[32]",
    "final_size=32",
    "batch=2",
    "warmup_steps=1",
    "steps=2",
    "seed=7",
)
FOLDERS = ["baseline", "scm", "srm", "scm-srm"]


@pytest.fixture(scope="module")
def polyps(tmp_path_factory):
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("data") / "kvasir-seg"
    rows = ["dataset,id,split"]
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for number in range(5):
        image, mask = rng.integers(60, 180, (40, 48, 3), np.uint8), np.zeros((40, 48), np.uint8)
        mask[10:30, 12:36] = 255
        assert cv2.imwrite(str(folder / "images" / f"{number}.png"), image)
        assert cv2.imwrite(str(folder / "masks" / f"{number}.png"), mask)
        rows.append(f"kvasir-seg,{number},{'val' if number > 2 else 'train'}")
    (folder / "splits.csv").write_text("\n".join(rows) + "\n")
    return folder


class Audience:
    """Counts what it hears; wants the end after so many steps of all networks together."""

    def __init__(self, *, end_after=None):
        self.steps = []
        self.measured = []
        self._end_after = end_after

    @contextmanager
    def training(self, title):
        def report(event):
            if isinstance(event, StepDone):
                self.steps.append(title)

        yield Listeners(report, lambda *_: None, ready=lambda: None, stop=self.wants_end)

    @contextmanager
    def evaluating(self, title):
        self.measured.append(title)
        yield lambda *_: None

    def wants_end(self):
        return self._end_after is not None and len(self.steps) >= self._end_after


def options(polyps, folder, *settings):
    return TrainConfig(
        folder,
        recipe="plain",
        settings=(*SETTINGS, *settings),
        data=(polyps,),
        device="cpu",
        threads=1,
        workers=0,
    )


def test_four_networks_are_trained_and_measured_alike_and_can_be_interrupted(polyps, tmp_path):
    stopped = Audience(end_after=3)
    assert ablate(options(polyps, tmp_path), stopped) is None
    assert stopped.steps == ["Baseline (FPN+PPM)"] * 2 + ["Baseline+SCM"]
    assert not (tmp_path / "ablation.md").exists()

    audience = Audience()
    text = ablate(options(polyps, tmp_path), audience)
    assert audience.steps == ["Baseline+SCM"] + ["Baseline+SRM"] * 2 + ["Baseline+SCM+SRM"] * 2
    assert len(audience.measured) == 4
    assert (tmp_path / "ablation.md").read_text() == text
    recipes = [read_recipe(tmp_path / folder / "recipe.toml") for folder in FOLDERS]
    assert [(one.network.scm, one.network.srm) for one in recipes] == [
        *((False, False), (True, False), (False, True), (True, True))
    ]
    assert {one.seed for one in recipes} == {7}

    report = json.loads((tmp_path / "ablation.json").read_text())
    parameters = [one["parameters"] for one in report["variants"]]
    assert parameters[0] < parameters[1] < parameters[3]
    assert parameters[0] < parameters[2]
    assert parameters[1] + parameters[2] == parameters[0] + parameters[3]

    def ious(folder):
        with (tmp_path / folder / "evaluation.csv").open() as stream:
            return [float(row["iou"]) for row in csv.DictReader(stream)]

    for one in report["variants"]:
        (entry,) = one["sets"]
        assert entry["iou"] == pytest.approx(np.mean(ious(one["variant"])), abs=1e-5)
        if one["variant"] != "baseline":
            gain = np.mean(np.subtract(ious(one["variant"]), ious("baseline")))
            assert entry["iou_gain"]["value"] == pytest.approx(gain, abs=1e-5)

    again = Audience()
    assert ablate(TrainConfig(tmp_path, device="cpu", threads=1), again, evaluate_only=True) == text
    assert again.steps == []


def contents(run):
    """Bytes by name, of everything but what an evaluation writes."""
    return {
        path.relative_to(run): path.read_bytes()
        for path in run.rglob("*")
        if path.is_file() and not path.name.startswith("evaluation.")
    }


def test_measuring_changes_no_file_of_a_run(polyps, tmp_path):
    ablate(options(polyps, tmp_path), Audience(end_after=2))
    run = tmp_path / "baseline"
    (run / "last.pt").write_bytes(b"damaged")
    assert (run / "last.previous.pt").is_file()
    before = contents(run)

    ablate(TrainConfig(tmp_path, device="cpu", threads=1), Audience(), evaluate_only=True)
    assert contents(run) == before
    (entry,) = json.loads((tmp_path / "ablation.json").read_text())["variants"]
    assert (entry["steps"], entry["of_steps"], entry["best_step"]) == (2, 2, 2)


def test_how_far_an_unfinished_run_came_is_read_from_its_logs(polyps, tmp_path):
    ablate(options(polyps, tmp_path, "steps=20", "validate_every=2"), Audience(end_after=3))
    run = tmp_path / "baseline"
    with (run / "train.csv").open("a") as log:
        log.write("1")  # a row of step 19, cut short by a crash
    text = ablate(TrainConfig(tmp_path, device="cpu", threads=1), Audience(), evaluate_only=True)
    assert "Baseline (FPN+PPM) is not finished: 3 of 20 steps." in text

    (run / "train.csv").unlink()
    text = ablate(TrainConfig(tmp_path, device="cpu", threads=1), Audience(), evaluate_only=True)
    assert "Baseline (FPN+PPM) is not finished: 2 of 20 steps." in text


def test_runs_that_were_not_made_alike_give_no_table(polyps, tmp_path):
    ablate(options(polyps, tmp_path), Audience(end_after=2))
    (tmp_path / "baseline").rename(tmp_path / "kept")
    ablate(options(polyps, tmp_path, "batch=1"), Audience(end_after=2))
    (tmp_path / "kept").rename(tmp_path / "srm")
    with pytest.raises(DataError, match=r"baseline and .*srm were not trained alike: they differ in batch"):
        ablate(options(polyps, tmp_path), Audience(), evaluate_only=True)


def test_there_must_be_something_to_measure(polyps, tmp_path):
    with pytest.raises(DataError, match="none of the four runs, baseline, scm, srm, scm-srm"):
        ablate(options(polyps, tmp_path), Audience(), evaluate_only=True)


@pytest.mark.parametrize("setting", ["network.scm=true", "network.srm = false", "network={}"])
def test_what_an_ablation_switches_cannot_be_set(polyps, tmp_path, setting):
    with pytest.raises(OptionError, match="an ablation switches SCM and SRM itself"):
        ablate(options(polyps, tmp_path, setting), Audience())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("evaluate_only", [False, True])
def test_beside_other_processes_of_torchrun_the_way_out_is_told(polyps, tmp_path, monkeypatch, evaluate_only):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(OptionError, match=r"(?s)torchrun started 2\. .*-m scr_live train .*--evaluate-only"):
        ablate(options(polyps, tmp_path), Audience(), evaluate_only=evaluate_only)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("ablation.md", OutputExistsError, "belongs to no ablation"),
        ("ablation.json", OutputExistsError, "is no earlier result"),
        ("ablation.md/x", OutputUnwritableError, "is a folder"),
        ("ablation.json/x", OutputUnwritableError, "is a folder"),
    ],
)
def test_what_lies_where_the_table_is_to_be_written_is_told_before_training(
    polyps, tmp_path, name, error, message
):
    mine = tmp_path / name
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine")
    audience = Audience()
    with pytest.raises(error, match=message):
        ablate(options(polyps, tmp_path), audience)
    assert (audience.steps, mine.read_text()) == ([], "mine")
