"""`scr-live train` below its options: run folders, resuming, what is refused."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch, of the extra `train`")
pytest.importorskip("safetensors", reason="needs safetensors, of the extra `train`")

import torch

from scr_live.card import file_sha256
from scr_live.errors import (
    DataError,
    ModelError,
    ModelNotFoundError,
    OptionError,
    OutputUnwritableError,
    ScrLiveError,
)
from scr_live.shipped import read_model
from scr_live.training.command import Listeners, train
from scr_live.training.config import TrainConfig, completed
from scr_live.training.events import Finished, Note, StepDone, Validated
from scr_live.training.recipe_file import find_recipe, read_recipe, with_settings
from scr_live.training.run_folder import held

torch.set_num_threads(1)

SETTINGS = (
    "network.width=4",
    "sizes=[32]",
    "final_size=32",
    "batch=2",
    "warmup_steps=1",
    "steps=4",
    "validate_every=2",
)


def write_set(folder, splits, *, seed, empty=()):
    """Pictures by name and split, each with a bright square that is its polyp."""
    rng = np.random.default_rng(seed)
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for name in splits:
        image, mask = rng.integers(60, 180, (40, 48, 3), np.uint8), np.zeros((40, 48), np.uint8)
        if name not in empty:
            mask[10:30, 12:36] = 255
            image[mask > 0] = 230
        assert cv2.imwrite(str(folder / "images" / f"{name}.png"), image)
        assert cv2.imwrite(str(folder / "masks" / f"{name}.png"), mask)
    rows = ["dataset,id,split", *(f"{folder.name},{name},{split}" for name, split in splits.items())]
    (folder / "splits.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture
def polyps(tmp_path):
    return write_set(tmp_path / "polyps", {"a": "train", "b": "train", "c": "train", "d": "val"}, seed=1)


@pytest.fixture
def config(tmp_path, polyps):
    return TrainConfig(
        tmp_path / "run", recipe="plain", settings=SETTINGS, data=(polyps,), device="cpu", workers=0
    )


class Ears:
    """Hears everything; asks to stop after a step."""

    def __init__(self, *, stop_after=None):
        self.events = []
        self.read = []
        self.is_ready = False
        self._stop_after = stop_after

    @property
    def listeners(self):
        return Listeners(self.events.append, self._reading, ready=self._ready, stop=self._stop)

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    def _reading(self, done, total):
        assert not self.is_ready
        self.read.append((done, total))

    def _ready(self):
        self.is_ready = True

    def _stop(self):
        assert self.is_ready
        return len(self.of(StepDone)) == self._stop_after


def run(config, **options):
    ears = Ears(**options)
    return train(config, ears.listeners), ears


def facts_of(config):
    return json.loads((config.out / "run.json").read_text(encoding="utf-8"))


def weights_of(config):
    return (config.out / "last.safetensors").read_bytes()


# What a run leaves


def test_a_run_leaves_weights_with_cards_that_fit_them(config):
    result, ears = run(config)
    assert (result.step, result.steps) == (4, 4)
    assert ears.of(Finished) == [Finished(4, complete=True)]
    assert ears.read[-1] == (4, 4)
    assert len(ears.of(Validated)) == 2
    for which in ("best", "last"):
        model = read_model(config.out / f"{which}.safetensors")  # checks the card's hash
        assert (model.card.name, model.card.input_size) == ("scr-net-plain", 32)
        assert dict(model.card.network) == {"encoder": "plain", "width": 4, "scm": True, "srm": True}


def test_its_recipe_is_the_one_that_was_used(config):
    config = replace(config, settings=(*SETTINGS, "epochs=1.5", "validate_every=0"))
    result, _ = run(config)
    recipe = with_settings(read_recipe(find_recipe("plain")), config.settings).resolved(3)
    assert read_recipe(config.out / "recipe.toml") == recipe
    assert result.steps == recipe.steps == 3
    assert "plain --set network.width=4" in (config.out / "recipe.toml").read_text()


def test_its_record_says_what_it_depends_on(config, polyps, tmp_path):
    clean = write_set(tmp_path / "clean", {"x": "train", "y": "train"}, seed=2, empty=("x",))
    config = replace(config, train_only=(clean,), name="mine")
    run(config)
    facts = facts_of(config)
    assert facts["name"] == "mine"
    assert (facts["recipe"], facts["settings"]) == ("plain", list(SETTINGS))
    assert (facts["device"], facts["processes"], facts["seed"]) == ("cpu", 1, 0)
    assert facts["init_sha256"] is None
    assert facts["machine"]["packages"]["torch"] == torch.__version__
    counts = {
        (one["set"], one["split"]): (one["pictures"], one["with_polyp"], one["without_polyp"])
        for one in facts["sets"]
    }
    assert counts == {
        ("polyps", "train"): (3, 3, 0),
        ("polyps", "val"): (1, 1, 0),
        ("clean", "all"): (2, 1, 1),
    }
    assert len({one["sha256"] for one in facts["sets"]}) == 3


def test_weights_to_start_from_are_recorded_and_used(config, tmp_path):
    run(config)
    start = tmp_path / "start.safetensors"
    shutil.copy(config.out / "last.safetensors", start)
    second = replace(
        config,
        out=tmp_path / "two",
        settings=(*SETTINGS, f"init={start}", "rate=0", "encoder_rate=0", "warmup=linear"),
    )
    run(second)
    assert facts_of(second)["init_sha256"] == file_sha256(start)
    start.unlink()  # a resumed run has its weights in its own state
    result, _ = run(TrainConfig(second.out, resume=True, settings=("steps=5",), device="cpu"))
    assert result.step == 5


def test_weights_of_sets_that_are_not_given_have_no_effect_and_this_is_said(config, tmp_path):
    recipe = tmp_path / "mine.toml"
    recipe.write_text(find_recipe("plain").read_text() + "[set_weights]\npolyps = 2\nothers = 3\n")
    _, ears = run(replace(config, recipe=str(recipe)), stop_after=1)
    assert [note.text for note in ears.of(Note) if "others" in note.text]
    assert read_recipe(config.out / "recipe.toml").set_weights == (("polyps", 2.0),)


@pytest.mark.parametrize("setting", ["boundary_weight=3", "deep_supervision=0.4"])
def test_a_part_of_the_loss_can_be_set(config, tmp_path, setting):
    settings = (*SETTINGS, "warmup=linear", "rate=0", "encoder_rate=0")
    _, without = run(replace(config, settings=settings), stop_after=1)
    other = replace(config, out=tmp_path / "other", settings=(*settings, setting))
    _, within = run(other, stop_after=1)
    assert within.of(StepDone)[0].loss != without.of(StepDone)[0].loss


# Resuming


def test_a_stopped_run_goes_on_by_its_folder_alone_as_if_unbroken(config, tmp_path):
    whole = replace(config, out=tmp_path / "whole")
    run(whole)
    result, ears = run(config, stop_after=3)
    assert (result.step, ears.of(Finished)) == (3, [Finished(3, complete=False)])
    resumed, _ = run(TrainConfig(config.out, resume=True, device="cpu"))
    assert resumed.step == 4
    assert weights_of(config) == weights_of(whole)
    assert facts_of(config)["resumed"][0]["step"] == 3
    assert read_model(config.out / "last.safetensors").card.name == "scr-net-plain"


def test_a_run_goes_on_from_any_working_directory(config, polyps, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    more = write_set(tmp_path / "more", {"x": "train"}, seed=2)
    relative = replace(config, data=(Path(polyps.name),), train_only=(Path(more.name),))
    run(relative, stop_after=1)
    monkeypatch.chdir("/")
    result, _ = run(TrainConfig(config.out, resume=True, device="cpu"))
    assert result.step == 4


def test_threads_and_workers_are_those_of_the_run_unless_said_otherwise(config):
    run(replace(config, threads=1), stop_after=1)
    facts = facts_of(config)
    resumed = completed(TrainConfig(config.out, resume=True), facts)
    assert (resumed.threads, resumed.workers) == (1, 0)
    assert completed(replace(config, threads=3, workers=2), facts) == replace(
        config, threads=3, workers=2, name="scr-net-plain"
    )


def test_another_device_or_number_of_threads_is_told(config):
    run(replace(config, threads=1), stop_after=1)
    facts = facts_of(config)
    (config.out / "run.json").write_text(json.dumps(facts | {"device": "cuda:0"}))
    _, ears = run(TrainConfig(config.out, resume=True, device="cpu"), stop_after=1)
    assert [note.text for note in ears.of(Note) if "device was cuda:0 and is cpu from step 1" in note.text]
    _, ears = run(TrainConfig(config.out, resume=True, device="cpu"), stop_after=1)  # as the last time
    assert [note.text for note in ears.of(Note) if " was " in note.text] == []


def test_rates_and_length_may_change_and_are_told_and_kept_on_record(config):
    run(config, stop_after=2)
    changed = replace(config, resume=True, settings=(*SETTINGS, "rate=1e-4", "epochs=3"))
    result, ears = run(changed)
    assert result.step == 6  # three times the two steps of an epoch
    told = [note.text for note in ears.of(Note)]
    assert "rate was 0.001 and is 0.0001 from step 2 on." in told
    assert "steps was 4 and is 6 from step 2 on." in told
    assert facts_of(config)["resumed"][0]["changes"] == {"steps": [4, 6], "rate": [1e-3, 1e-4]}
    assert read_recipe(config.out / "recipe.toml").rate == 1e-4


def test_nothing_else_may_change(config):
    run(config, stop_after=1)
    before = weights_of(config)
    settings = (*SETTINGS, "batch=1", "network.scm=false", "rate=1e-4")
    with pytest.raises(
        DataError, match=r"network was .*scm=True.*; batch was 2 and is 1\. .*rate, encoder_rate and the len"
    ):
        run(replace(config, resume=True, settings=settings))
    assert weights_of(config) == before


def test_other_pictures_are_refused_with_what_differs(config, polyps, tmp_path):
    run(config, stop_after=1)
    more = write_set(tmp_path / "more", {"x": "train"}, seed=3)
    with pytest.raises(DataError, match=r"more \(all\) is new"):
        run(replace(config, resume=True, train_only=(more,)))
    mask = polyps / "masks" / "a.png"
    original = mask.read_bytes()
    assert cv2.imwrite(str(mask), np.full((40, 48), 255, np.uint8))
    with pytest.raises(DataError, match=r"polyps \(train\) has other names or bytes"):
        run(TrainConfig(config.out, resume=True, device="cpu"))
    mask.write_bytes(original)
    table = polyps / "splits.csv"
    table.write_text(table.read_text().replace("polyps,c,train\n", ""))
    with pytest.raises(DataError, match=r"polyps \(train\) had 3 pictures and has 2"):
        run(TrainConfig(config.out, resume=True, device="cpu"))


def test_there_must_be_a_run_to_resume(config):
    with pytest.raises(DataError, match="Nothing to resume"):
        run(replace(config, resume=True))
    assert not config.out.exists()


def test_a_run_that_ended_before_it_saved_anything_can_be_started_again(config):
    run(config, stop_after=1)
    (config.out / "last.pt").unlink()
    (config.out / "last.previous.pt").unlink(missing_ok=True)
    with pytest.raises(DataError, match="Nothing to resume"):
        run(replace(config, resume=True))
    result, _ = run(config)
    assert result.step == 4


@pytest.mark.parametrize("name", ["recipe.toml", "best.safetensors", "last.json", "train.csv"])
def test_what_is_somebody_elses_is_not_replaced(config, name):
    config.out.mkdir()
    (config.out / name).write_text("# mine\nsteps = 3\n")
    with pytest.raises(DataError, match=f"{name} is there and belongs to no run"):
        run(config)
    assert "mine" in (config.out / name).read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is held there")
@pytest.mark.parametrize("resume", [False, True])
def test_two_cannot_train_in_one_folder(config, resume):
    if resume:
        run(config, stop_after=1)
    config.out.mkdir(exist_ok=True)
    before = sorted(config.out.iterdir())
    with held(config.out), pytest.raises(DataError, match="Another process trains in"):
        run(replace(config, resume=resume))
    assert sorted(config.out.iterdir()) == before
    result, _ = run(replace(config, resume=resume))
    assert result.step == 4


@pytest.mark.parametrize("place", [".", "images", "masks/run"])
def test_a_run_does_not_lie_among_pictures(config, polyps, place):
    with pytest.raises(OptionError, match="lies in the image set"):
        run(replace(config, out=polyps / place))


def test_a_run_may_lie_beside_the_pictures(config, polyps):
    result, _ = run(replace(config, out=polyps / "images_run"))
    assert result.step == 4


@pytest.mark.parametrize("place", ["file", "file/run", "nowhere"])
def test_what_is_no_folder_is_told_before_pictures_are_read(config, tmp_path, place):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "nowhere").symlink_to(tmp_path / "not" / "there")
    ears = Ears()
    with pytest.raises(OutputUnwritableError, match=r"No training run can be written to .*: it is no folder"):
        train(replace(config, out=tmp_path / place), ears.listeners)
    assert ears.read == []
    assert (tmp_path / "file").read_text() == "mine"


def test_a_name_too_long_for_a_folder_is_told(config):
    with pytest.raises(OutputUnwritableError, match="name too long"):
        run(replace(config, out=config.out / ("x" * 300)))


@pytest.mark.parametrize(
    "change",
    [
        {"data": [1]},
        {"data": None},
        {"asked": {"threads": "x"}},
        {"resumed": [3]},
        {"sets": [{}]},
        {"name": 1},
    ],
)
def test_a_record_with_other_things_in_it_is_named(config, change):
    run(config, stop_after=1)
    (config.out / "run.json").write_text(json.dumps(facts_of(config) | change))
    with pytest.raises(DataError, match=r"run\.json is damaged: [\w, ]+ in it is missing or no longer what"):
        run(replace(config, resume=True))


@pytest.mark.parametrize("name", ["run.json", "recipe.toml"])
def test_a_run_without_its_record_leads_to_no_dead_end(config, name):
    run(config, stop_after=1)
    (config.out / name).unlink()
    with pytest.raises(DataError, match=f"without its {name}.*another --out"):
        run(replace(config, resume=True))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"sets": []}', "\xff", "[" * 100_000])
def test_a_damaged_record_is_named(config, text):
    run(config, stop_after=1)
    (config.out / "run.json").write_text(text, encoding="latin-1")
    with pytest.raises(DataError, match=r"run\.json is damaged"):
        run(replace(config, resume=True))


@pytest.mark.parametrize(
    "change", [{"step": "x"}, {"step": -1}, {"best_quality": None}, {"optimizer": 3}, {"network": {}}]
)
def test_a_state_with_other_things_in_it_is_named(config, change):
    run(config, stop_after=1)
    path = config.out / "last.pt"
    torch.save(torch.load(path, weights_only=True) | change, path)
    with pytest.raises(ModelError, match=r"last\.pt does not belong.*another --out") as caught:
        run(replace(config, resume=True))
    assert len(str(caught.value)) < 1000


def test_a_run_is_not_overwritten(config):
    run(config, stop_after=1)
    before = weights_of(config)
    with pytest.raises(DataError, match="holds a run already"):
        run(config)
    assert weights_of(config) == before


# What is refused before anything is written


def test_a_picture_to_train_and_to_validate_on_is_refused(config, polyps):
    shutil.copy(polyps / "images" / "a.png", polyps / "images" / "d.png")
    with pytest.raises(DataError, match=r"in training and in validation.*a\.png and .*d\.png"):
        run(config)
    assert not config.out.exists()


@pytest.mark.parametrize("table", ["polyps,a,train", None])
def test_a_set_without_train_and_val_is_refused_with_the_way_out(config, polyps, table):
    if table is None:
        (polyps / "splits.csv").unlink()
    else:
        (polyps / "splits.csv").write_text(f"dataset,id,split\n{table}\n")
    with pytest.raises(DataError, match="--train-only"):
        run(config)


def test_two_sets_of_one_name_are_refused(config, tmp_path):
    other = write_set(tmp_path / "other" / "polyps", {"x": "train"}, seed=4)
    with pytest.raises(OptionError, match="one image set, or two of one name, polyps"):
        run(replace(config, train_only=(other,)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": ()}, "at least one --data"),
        ({"recipe": ""}, "Which recipe.*lite0, plain"),
        ({"settings": ("stpes=1",)}, "unknown key 'stpes'"),
        ({"settings": ("set_weights.polyp=2",)}, "set_weights names polyp, and the sets given are polyps"),
        ({"device": "gpu"}, "--device must be"),
        ({"threads": 10_000}, "--threads must be"),
        ({"workers": 10_000}, "--workers must be"),
    ],
)
def test_options_that_cannot_be_are_refused(config, change, message):
    with pytest.raises(OptionError, match=message):
        run(replace(config, **change))
    assert not config.out.exists()


@pytest.mark.parametrize(
    ("setting", "error", "message"),
    [
        ("network.encoder=resnet", OptionError, "Unknown encoder 'resnet'"),
        ("imagenet=true", OptionError, "no ImageNet weights for encoder 'plain'.*imagenet = false"),
        ("init=none.safetensors", ModelNotFoundError, "init names the weights none.safetensors"),
        (f"init={'x' * 300}", ModelNotFoundError, "init names the weights xxx"),
    ],
)
def test_weights_that_cannot_be_begun_with_are_named_before_pictures_are_read(
    config, setting, error, message
):
    ears = Ears()
    with pytest.raises(error, match=message):
        train(replace(config, settings=(*SETTINGS, setting)), ears.listeners)
    assert ears.read == []


def test_a_warm_up_longer_than_the_run_is_said(config):
    _, ears = run(replace(config, settings=(*SETTINGS, "warmup_steps=4")), stop_after=1)
    assert any("never comes to its peak" in note.text for note in ears.of(Note))


def test_too_little_memory_for_the_pictures_is_told(config):
    ears = Ears()

    def loading(_done, _total):
        raise MemoryError("Unable to allocate 7.28 TiB")

    with pytest.raises(ScrLiveError, match=r"memory of this machine is too small.*7\.28 TiB.*batch=4"):
        train(config, replace(ears.listeners, loading=loading))
    assert not config.out.exists()
