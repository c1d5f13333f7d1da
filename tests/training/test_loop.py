import copy
import csv
import itertools
import math
from dataclasses import replace
from types import SimpleNamespace

import pytest

pytest.importorskip("torch", reason="needs torch, of the extra `train`")
pytest.importorskip("safetensors", reason="needs safetensors, of the extra `train`")

import torch
from torch.nn import functional
from training_fakes import PLAIN, RECIPE, SAMPLES, never, quiet

from scr_live.errors import (
    DataError,
    ModelError,
    ModelNotFoundError,
    OptionError,
    OutputUnwritableError,
    ScrLiveError,
)
from scr_live.network.config import NetworkConfig
from scr_live.network.scr_net import ScrNet
from scr_live.network.weights import load_weights, save_weights
from scr_live.training.checkpoint import load_state
from scr_live.training.events import Finished, Note, Saved, Started, StepDone, Validated
from scr_live.training.loop import Trainer
from scr_live.training.precision import Arithmetic

torch.set_num_threads(1)

CPU = torch.device("cpu")
LITE0 = NetworkConfig(encoder="lite0", width=32)


def trainer(recipe=RECIPE, **options):
    return Trainer(recipe, SAMPLES, SAMPLES, device=CPU, **options)


def tensors(one):
    """All that a step may depend on: weights, their average, the optimiser's moments."""
    learner = one.learner
    found = {f"network.{k}": v for k, v in learner.network.state_dict().items()}
    found |= {f"average.{k}": v for k, v in learner.average.values.items()}
    for index, moments in learner.optimizer.state_dict()["state"].items():
        found |= {f"optimizer.{index}.{k}": v for k, v in moments.items()}
    return found


def assert_bit_identical(one, two):
    left, right = tensors(one), tensors(two)
    assert left.keys() == right.keys()
    assert [name for name in left if not torch.equal(left[name], right[name])] == []


def rows_of(path):
    with path.open() as stream:
        return list(csv.DictReader(stream))


# Learning


def test_training_learns_its_two_pictures(tmp_path):
    recipe = replace(RECIPE, steps=30, validate_every=30, sizes=(32,), rate=0.01, encoder_rate=0.01)
    events = []
    trainer(recipe).run(tmp_path, report=events.append, stop=never)
    losses = [event.loss for event in events if isinstance(event, StepDone)]
    assert len(losses) == 30
    assert sum(losses[20:]) < 0.9 * sum(losses[:10])


def test_a_step_tells_means_over_the_pictures_with_a_polyp_and_those_without():
    images, masks = torch.rand(3, 3, 32, 32) * 255, torch.zeros(3, 1, 32, 32)
    masks[0, :, 8:20, 8:20] = masks[2, :, 4:9, 4:30] = 1
    learner = trainer().learner
    logits = copy.deepcopy(learner.network).train()(images).detach()
    bce = (
        functional.binary_cross_entropy_with_logits(logits, masks, reduction="none").mean((1, 2, 3)).tolist()
    )
    told = learner.learn(images, masks, step=0)
    assert told.bce == pytest.approx((bce[0] + bce[2]) / 2, rel=1e-4)
    assert told.negatives == pytest.approx(bce[1], rel=1e-4)
    alone = learner.learn(images[:1].repeat(2, 1, 1, 1), masks[:1].repeat(2, 1, 1, 1), step=1)
    assert math.isnan(alone.negatives)


def test_deep_supervision_adds_the_losses_of_the_side_outputs():
    images = torch.rand(2, 3, 32, 32) * 255
    masks = torch.zeros(2, 1, 32, 32)
    masks[0, :, 8:20, 8:20] = 1
    plain, deep = (
        trainer(replace(RECIPE, deep_supervision=weight)).learner.learn(images, masks, step=0).loss
        for weight in (0.0, 0.5)
    )
    # Untrained side outputs are near 0: each of them loses about as much as their sum.
    assert deep == pytest.approx(1.5 * plain, rel=0.1)


def test_without_averaging_the_saved_weights_are_the_trained_ones(tmp_path):
    one = trainer(replace(RECIPE, ema=0.0))
    one.run(tmp_path, report=quiet, stop=never)
    saved = ScrNet(PLAIN)
    load_weights(saved, tmp_path / "last.safetensors")
    trained = one.learner.network.state_dict()
    assert [name for name, value in saved.state_dict().items() if not torch.equal(value, trained[name])] == []


def test_the_average_takes_in_each_step_by_its_number():
    one, name = trainer(replace(RECIPE, ema=0.9)), "side.0.weight"
    history = [one.learner.network.state_dict()[name].clone()]
    for step in range(2):
        one.learner.learn(*one._batches.draw(step), step=step)
        history.append(one.learner.network.state_dict()[name].clone())
    # Decay 2/11 after the first step, 3/12 after the second.
    expected = (history[0] * 2 / 11 + history[1] * 9 / 11) * 0.25 + history[2] * 0.75
    torch.testing.assert_close(one.learner.average.values[name], expected)


def test_a_run_may_start_from_given_weights(tmp_path):
    given = ScrNet(PLAIN).state_dict()
    save_weights(tmp_path / "given.safetensors", given)
    one = trainer(replace(RECIPE, init=str(tmp_path / "given.safetensors"), imagenet=True))
    assert all(torch.equal(value, given[name]) for name, value in one.learner.network.state_dict().items())


# Exact resume


@pytest.mark.parametrize(
    ("changes", "workers", "stop_at"),
    [
        ({}, 0, 3),
        ({"network": LITE0, "precision": "mixed", "sizes": (64,)}, 0, 1),
        ({"ema": 0.0, "optimizer": "adam", "deep_supervision": 0.4}, 0, 2),
        ({}, 1, 1),
    ],
    ids=["plain", "lite0-mixed", "without-averaging", "workers"],
)
def test_a_resumed_run_is_bit_identical_to_an_unbroken_one(tmp_path, changes, workers, stop_at):
    recipe = replace(RECIPE, **changes)
    whole = trainer(recipe)
    whole.run(tmp_path / "whole", report=quiet, stop=never)
    broken = trainer(recipe, workers=workers)
    broken.run(tmp_path / "broken", report=quiet, stop=lambda: broken.step == stop_at)
    assert broken.step == stop_at
    resumed = trainer(recipe, workers=workers)
    resumed.resume(tmp_path / "broken")
    resumed.run(tmp_path / "broken", report=quiet, stop=never)
    assert resumed.step == 4
    assert_bit_identical(resumed, whole)
    assert resumed.best_quality == whole.best_quality
    names = ("quality", "dice", "false_marks", "best")
    left, right = (
        [[row[name] for name in names] for row in rows_of(tmp_path / folder / "validation.csv")]
        for folder in ("whole", "broken")
    )
    assert left == right


def half():
    """Computes in float16, as on a GPU without bfloat16."""
    one = trainer()
    one.learner.arithmetic = Arithmetic.of(torch.float16, device="cpu")
    return one


def test_a_run_with_scaled_gradients_resumes_exactly_too(tmp_path):
    whole, broken, resumed = half(), half(), half()
    for one in (whole, broken):
        scaler = one.learner.arithmetic.scaler
        scaler.load_state_dict(scaler.state_dict() | {"scale": 16.0})
    whole.run(tmp_path / "whole", report=quiet, stop=never)
    broken.run(tmp_path / "broken", report=quiet, stop=lambda: broken.step == 1)
    resumed.resume(tmp_path / "broken")
    resumed.run(tmp_path / "broken", report=quiet, stop=never)
    assert_bit_identical(resumed, whole)
    assert resumed.learner.arithmetic.scaler.get_scale() == 16.0


def test_a_run_that_lost_its_newest_state_resumes_from_the_one_before(tmp_path):
    trainer().run(tmp_path, report=quiet, stop=never)
    whole = (tmp_path / "last.pt").read_bytes()
    (tmp_path / "last.pt").write_bytes(whole[: len(whole) // 2])
    again, events = trainer(), []
    again.resume(tmp_path)
    assert again.step == 2
    again.run(tmp_path, report=events.append, stop=never)
    assert any(isinstance(event, Note) and "last.previous.pt" in event.text for event in events)
    assert [row["step"] for row in rows_of(tmp_path / "validation.csv")] == ["2", "4"]


def test_a_lowered_rate_takes_effect_on_resuming(tmp_path):
    trainer().run(tmp_path, report=quiet, stop=never)
    slower = trainer(replace(RECIPE, rate=1e-5, encoder_rate=1e-6, weight_decay=0.5))
    slower.resume(tmp_path)
    groups = slower.learner.optimizer.param_groups
    assert {group["peak"] for group in groups} == {1e-5, 1e-6}
    assert {group["weight_decay"] for group in groups} == {0.5, 0.0}


def test_the_state_of_another_network_is_refused(tmp_path):
    trainer().run(tmp_path, report=quiet, stop=lambda: True)
    other = trainer(replace(RECIPE, network=NetworkConfig(encoder="plain", width=8)))
    with pytest.raises(ModelError, match=r"last\.pt does not belong to this recipe's network"):
        other.resume(tmp_path)


def test_there_must_be_something_to_resume(tmp_path):
    with pytest.raises(ModelNotFoundError, match="Nothing to resume"):
        trainer().resume(tmp_path)


# The run folder and the events


def test_a_run_leaves_weights_states_tables_and_pictures(tmp_path):
    one = trainer()
    one.run(tmp_path / "run", report=quiet, stop=never)
    names = {path.name for path in (tmp_path / "run").iterdir()} - {"tensorboard"}
    assert names == {
        "best.safetensors",
        "last.pt",
        "last.previous.pt",
        "last.safetensors",
        "predictions",
        "train.csv",
        "validation.csv",
    }
    pictures = sorted(path.name for path in (tmp_path / "run" / "predictions").iterdir())
    assert pictures == ["step_000002.jpg", "step_000004.jpg"]
    network = ScrNet(PLAIN)
    load_weights(network, tmp_path / "run" / "best.safetensors")
    load_weights(network, tmp_path / "run" / "last.safetensors")
    for name, value in network.state_dict().items():
        assert torch.equal(value, one.learner.average.values[name]), name


def test_the_events_of_a_run_come_in_order(tmp_path):
    events = []
    trainer().run(tmp_path, report=events.append, stop=never)
    kinds = [type(event) for event in events if not isinstance(event, Note)]
    step, check = [StepDone], [StepDone, Validated, Saved]
    assert kinds == [Saved, Started, *step, *check, *step, *check, Finished]
    done = [event for event in events if isinstance(event, StepDone)]
    assert [event.step for event in done] == [1, 2, 3, 4]
    assert done[-1].seconds_left == 0
    assert all(math.isfinite(value) for event in done for value in (event.bce, event.dice, event.negatives))
    validated = [event for event in events if isinstance(event, Validated)]
    assert validated[0].is_best
    assert all(event.pictures.is_file() for event in validated)
    assert events[-1] == Finished(4, complete=True)


def test_pace_and_what_is_left_by_a_clock_that_ticks_at_every_look(tmp_path, monkeypatch):
    ticks = itertools.count()
    monkeypatch.setattr("scr_live.training.loop.time", SimpleNamespace(perf_counter=lambda: next(ticks)))
    events = []
    trainer().run(tmp_path, report=events.append, stop=never)
    done = [event for event in events if isinstance(event, StepDone)]
    # A step is looked at at its start, when its batch is there and at its end; a validation at both ends.
    assert [event.data_share for event in done] == [0.5] * 4
    assert [event.pictures_per_s for event in done] == [1.0] * 4
    # What a validation takes is known from the first one on, after step 2.
    assert [event.seconds_left for event in done] == [6, 4, 2 + 1, 0]


def test_a_run_that_is_asked_to_stop_saves_and_says_so(tmp_path):
    one, events = trainer(), []
    one.run(tmp_path, report=events.append, stop=lambda: one.step == 1)
    assert events[-1] == Finished(1, complete=False)
    assert load_state(tmp_path / "last.pt")["step"] == 1
    assert rows_of(tmp_path / "train.csv")[-1]["step"] == "1"


def test_states_are_saved_between_validations_as_time_passes(tmp_path):
    events = []
    trainer().run(tmp_path, report=events.append, stop=never, save_every_s=0)
    assert [event.step for event in events if isinstance(event, Saved)] == [0, 1, 2, 3, 4]


def test_weights_that_are_only_as_good_do_not_replace_the_best(tmp_path):
    first, again = [], trainer()
    trainer().run(tmp_path / "first", report=first.append, stop=never)
    again.best_quality = next(event.result.quality for event in first if isinstance(event, Validated))
    events = []
    again.run(tmp_path / "again", report=events.append, stop=never)
    assert not next(event for event in events if isinstance(event, Validated)).is_best


def test_best_weights_are_kept_when_later_ones_are_worse(tmp_path):
    one, events = trainer(), []
    one.best_quality = 2.0  # more than any can have
    one.run(tmp_path, report=events.append, stop=never)
    assert not (tmp_path / "best.safetensors").exists()
    assert load_state(tmp_path / "last.pt")["best_quality"] == 2.0
    assert not any(event.is_best for event in events if isinstance(event, Validated))


# Failures


def poison(values):
    with torch.no_grad():
        values.fill_(math.nan)


def test_weights_that_are_no_numbers_are_never_saved(tmp_path):
    one = trainer()

    def spoil_before_validation(event):
        if isinstance(event, StepDone) and event.step == 2:
            poison(one.learner.network.side[0].bias)

    with pytest.raises(ScrLiveError, match=r"A weight of the network became .*of step 0, is kept in"):
        one.run(tmp_path, report=spoil_before_validation, stop=never)
    assert load_state(tmp_path / "last.pt")["step"] == 0
    assert not (tmp_path / "best.safetensors").exists()


@pytest.mark.parametrize(
    ("what", "spoil"),
    [
        ("loss", lambda network: poison(network.side[0].bias)),
        ("gradient", lambda network: network.side[0].bias.register_hook(lambda grad: grad * math.inf)),
    ],
)
def test_a_loss_or_gradient_that_is_no_number_stops_with_the_last_good_state_kept(tmp_path, what, spoil):
    one = trainer(replace(RECIPE, steps=8))

    def spoil_once_saved(event):
        if event == Saved(2, tmp_path / "last.pt"):
            spoil(one.learner.network)

    with pytest.raises(
        ScrLiveError, match=rf"The {what} became (nan|inf) at step 2\..*of step 2, is kept in .*last\.pt"
    ):
        one.run(tmp_path, report=spoil_once_saved, stop=never)
    assert load_state(tmp_path / "last.pt")["step"] == 2
    load_weights(ScrNet(PLAIN), tmp_path / "best.safetensors")
    last = ScrNet(PLAIN)
    load_weights(last, tmp_path / "last.safetensors")
    for values in (one.learner.average.values, last.state_dict()):
        assert all(value.isfinite().all() for value in values.values())


def test_a_run_that_fails_in_its_first_step_can_be_resumed(tmp_path):
    one, whole = trainer(), trainer()
    one.learner.network.side[0].bias.register_hook(lambda grad: grad * math.inf)
    with pytest.raises(ScrLiveError, match="at step 0"):
        one.run(tmp_path / "one", report=quiet, stop=never)
    again = trainer()
    again.resume(tmp_path / "one")
    again.run(tmp_path / "one", report=quiet, stop=never)
    whole.run(tmp_path / "whole", report=quiet, stop=never)
    assert_bit_identical(again, whole)


def test_too_little_memory_is_explained(tmp_path):
    one = trainer()

    def exhaust(_module, _images):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")

    one.learner.network.encoder.register_forward_pre_hook(exhaust)
    with pytest.raises(ScrLiveError, match=r"too small for 2 pictures of 64 pixels.*lower `batch`"):
        one.run(tmp_path, report=quiet, stop=never)


def test_an_error_of_our_own_making_is_not_explained_away(tmp_path):
    one = trainer()

    def fail(_module, _images):
        raise RuntimeError("shape mismatch")

    one.learner.network.encoder.register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="shape mismatch"):
        one.run(tmp_path, report=quiet, stop=never)


def test_a_folder_that_cannot_be_made_is_refused_before_training(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputUnwritableError, match="Cannot make the folder"):
        trainer().run(tmp_path / "file" / "run", report=quiet, stop=never)


def test_there_are_no_imagenet_weights_for_plain():
    with pytest.raises(OptionError, match=r"'plain'.*imagenet = false"):
        trainer(replace(RECIPE, imagenet=True))


@pytest.mark.parametrize("held_out", [[], SAMPLES[2:]], ids=["none", "clean-ones-only"])
def test_a_run_without_polyps_to_validate_on_is_refused(held_out):
    with pytest.raises(DataError, match=f"none among {len(held_out)} pictures"):
        Trainer(RECIPE, SAMPLES, held_out, device=CPU)
