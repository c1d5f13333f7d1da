import csv
import math
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch, of the extra `train`")
pytest.importorskip("safetensors", reason="needs safetensors, of the extra `train`")

import torch

from scr_live.errors import ModelError, ModelNotFoundError, OptionError, OutputUnwritableError, ScrLiveError
from scr_live.network.config import NetworkConfig
from scr_live.network.scr_net import ScrNet
from scr_live.network.weights import load_weights
from scr_live.training.checkpoint import load_state
from scr_live.training.data import Sample
from scr_live.training.loop import Trainer, rate_factor, validate
from scr_live.training.recipe import Recipe

torch.set_num_threads(1)

SIDE = 64
PLAIN = NetworkConfig(encoder="plain", width=4)
RECIPE = Recipe(
    network=PLAIN,
    imagenet=False,
    sizes=(32, 64),
    final_size=64,
    final_share=0.25,
    batch=2,
    negatives_per_batch=1,
    steps=4,
    warmup_steps=1,
    validate_every=2,
)


def drawn(set_name, *, polyp, seed):
    rng = np.random.default_rng(seed)
    image = rng.integers(40, 200, (SIDE, SIDE, 3), dtype=np.uint8)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    if polyp:
        mask[16:48, 16:48] = 255
        image[16:48, 16:48, 0] = 230
    return Sample(set_name, image, mask)


SAMPLES = [
    drawn("a", polyp=True, seed=0),
    drawn("b", polyp=True, seed=1),
    drawn("clean", polyp=False, seed=2),
]


def trainer(recipe=RECIPE):
    return Trainer(recipe, SAMPLES, SAMPLES)


def never():
    return False


def quiet(_line):
    pass


def tensors(one):
    """All that a step may depend on: weights, their average, the optimiser's moments."""
    found = {f"network.{k}": v for k, v in one.network.state_dict().items()}
    found |= {f"average.{k}": v for k, v in one.average.items()}
    for index, moments in one.optimizer.state_dict()["state"].items():
        found |= {f"optimizer.{index}.{k}": v for k, v in moments.items()}
    return found


def assert_bit_identical(one, two):
    left, right = tensors(one), tensors(two)
    assert left.keys() == right.keys()
    assert [name for name in left if not torch.equal(left[name], right[name])] == []


# Rate schedule


def test_the_rate_climbs_to_its_peak_and_falls_to_zero():
    recipe = Recipe(steps=100, warmup_steps=10)
    factors = [rate_factor(step, recipe) for step in range(101)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[9] == factors[10] == 1
    assert factors[100] == 0
    assert factors[55] == pytest.approx(0.5**0.9)  # half way down, power 0.9
    assert factors[:10] == sorted(factors[:10])
    assert factors[10:] == sorted(factors[10:], reverse=True)


def test_without_warmup_the_rate_starts_at_its_peak():
    assert rate_factor(0, Recipe(steps=10, warmup_steps=0)) == 1


def test_encoder_and_decoder_have_their_own_peaks_and_only_matrices_decay():
    one = trainer(replace(RECIPE, rate=0.01, encoder_rate=0.002, weight_decay=0.3))
    peaks = {id(p): (g["peak"], g["weight_decay"]) for g in one.optimizer.param_groups for p in g["params"]}
    for name, value in one.network.named_parameters():
        peak = 0.002 if name.startswith("encoder.") else 0.01
        assert peaks[id(value)] == (peak, 0.3 if value.ndim > 1 else 0.0), name


# Runs


def test_training_learns_its_two_pictures(tmp_path):
    recipe = replace(RECIPE, steps=30, validate_every=30, sizes=(32,), rate=0.01, encoder_rate=0.01)
    one = trainer(recipe)
    first = one._train_step()
    one.run(tmp_path, log=quiet, stop=never)
    with (tmp_path / "log.csv").open() as stream:
        (row,) = csv.DictReader(stream)
    assert float(row["loss"]) < 0.9 * first


@pytest.mark.parametrize("network", [PLAIN, NetworkConfig(encoder="lite0", width=8)], ids=["plain", "lite0"])
def test_a_resumed_run_is_bit_identical_to_an_unbroken_one(tmp_path, network):
    recipe = replace(RECIPE, network=network)
    whole = trainer(recipe)
    whole.run(tmp_path / "whole", log=quiet, stop=never)
    broken = trainer(recipe)
    broken.run(tmp_path / "broken", log=quiet, stop=lambda: broken.step == 3)
    assert broken.step == 3  # between validations
    resumed = trainer(recipe)
    resumed.resume(tmp_path / "broken")
    resumed.run(tmp_path / "broken", log=quiet, stop=never)
    assert resumed.step == 4
    assert_bit_identical(resumed, whole)
    assert resumed.best_quality == whole.best_quality


def test_a_run_leaves_its_best_and_last_weights_and_a_log(tmp_path):
    one = trainer()
    one.run(tmp_path / "run", log=quiet, stop=never)
    names = sorted(path.name for path in (tmp_path / "run").iterdir())
    assert names == ["best.safetensors", "last.pt", "last.safetensors", "log.csv"]
    network = ScrNet(PLAIN)
    load_weights(network, tmp_path / "run" / "last.safetensors")
    for name, value in network.state_dict().items():
        assert torch.equal(value, one.average[name]), name
    load_weights(network, tmp_path / "run" / "best.safetensors")
    with (tmp_path / "run" / "log.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["step"] for row in rows] == ["2", "4"]
    assert set(rows[0]) == {"step", "loss", "dice a", "dice b", "false marks"}
    assert all(math.isfinite(float(value)) for row in rows for value in row.values())


def test_best_weights_are_kept_when_later_ones_are_worse(tmp_path):
    one = trainer()
    one.best_quality = 2.0  # more than any can have
    one.run(tmp_path, log=quiet, stop=never)
    assert not (tmp_path / "best.safetensors").exists()
    assert load_state(tmp_path / "last.pt")["best_quality"] == 2.0


def poison(values):
    with torch.no_grad():
        values.fill_(math.nan)


@pytest.mark.parametrize(
    ("what", "spoil"),
    [
        ("loss", lambda network: poison(network.side[0].bias)),
        ("gradient", lambda network: network.side[0].bias.register_hook(lambda grad: grad * math.inf)),
    ],
)
def test_a_loss_or_gradient_that_is_no_number_stops_with_the_last_good_weights_kept(tmp_path, what, spoil):
    one = trainer(replace(RECIPE, steps=8))

    def spoil_after_the_first_validation(line):
        if line.startswith("validation"):
            spoil(one.network)

    with pytest.raises(ScrLiveError, match=rf"The {what} became (nan|inf) at step [23]\b"):
        one.run(tmp_path, log=spoil_after_the_first_validation, stop=never)
    for values in one.average.values():
        assert values.isfinite().all()
    load_weights(ScrNet(PLAIN), tmp_path / "best.safetensors")
    last = ScrNet(PLAIN)
    load_weights(last, tmp_path / "last.safetensors")
    assert all(value.isfinite().all() for value in last.state_dict().values())


def test_a_run_that_fails_in_its_first_step_can_be_resumed(tmp_path):
    one, whole = trainer(), trainer()
    one.network.side[0].bias.register_hook(lambda grad: grad * math.inf)
    with pytest.raises(ScrLiveError, match="at step 0"):
        one.run(tmp_path / "one", log=quiet, stop=never)
    again = trainer()
    again.resume(tmp_path / "one")
    again.run(tmp_path / "one", log=quiet, stop=never)
    whole.run(tmp_path / "whole", log=quiet, stop=never)
    assert_bit_identical(again, whole)


def test_a_lowered_rate_takes_effect_on_resuming(tmp_path):
    trainer().run(tmp_path, log=quiet, stop=never)
    slower = trainer(replace(RECIPE, rate=1e-5, encoder_rate=1e-6, weight_decay=0.5))
    slower.resume(tmp_path)
    groups = slower.optimizer.param_groups
    assert {group["peak"] for group in groups} == {1e-5, 1e-6}
    assert {group["weight_decay"] for group in groups} == {0.5, 0.0}


def test_the_state_of_another_network_is_refused(tmp_path):
    trainer().run(tmp_path, log=quiet, stop=lambda: True)
    other = trainer(replace(RECIPE, network=NetworkConfig(encoder="plain", width=8)))
    with pytest.raises(ModelError, match=r"last\.pt does not belong to this recipe's network"):
        other.resume(tmp_path)


def test_there_must_be_something_to_resume(tmp_path):
    with pytest.raises(ModelNotFoundError, match="Nothing to resume"):
        trainer().resume(tmp_path)


def test_a_folder_that_cannot_be_made_is_refused_before_training(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputUnwritableError, match="Cannot make the folder"):
        trainer().run(tmp_path / "file" / "run", log=quiet, stop=never)


def test_there_are_no_imagenet_weights_for_plain():
    with pytest.raises(OptionError, match=r"'plain'.*imagenet = false"):
        trainer(replace(RECIPE, imagenet=True))


# Validation


def constant_network(logit):
    """Answers the same everywhere."""
    network = ScrNet(PLAIN)
    with torch.no_grad():
        for side in network.side:
            side.weight.zero_()
            side.bias.zero_()
        network.side[0].bias.fill_(logit)
    return network


def test_marking_everything_scores_the_share_that_is_polyp_and_marks_every_clean_picture():
    result = validate(constant_network(5.0), SAMPLES, size=SIDE)
    share = (32 * 32) / (64 * 64)
    dice = 2 * share / (1 + share)
    assert result.dice == (("a", pytest.approx(dice)), ("b", pytest.approx(dice)))
    assert result.false_mark_share == 1
    assert result.quality == pytest.approx(dice - 0.1)


def test_marking_nothing_scores_nothing_and_marks_no_clean_picture():
    result = validate(constant_network(-5.0), SAMPLES, size=SIDE)
    assert result.dice == (("a", 0.0), ("b", 0.0))
    assert result.false_mark_share == 0
    assert result.quality == 0


def test_without_clean_pictures_false_marks_are_unknown_and_cost_nothing():
    result = validate(constant_network(5.0), SAMPLES[:2], size=SIDE)
    assert math.isnan(result.false_mark_share)
    assert result.quality == pytest.approx(0.4)
