import math
from dataclasses import replace

import pytest

pytest.importorskip("torch", reason="needs torch, of the extra `train`")
pytest.importorskip("safetensors", reason="needs safetensors, of the extra `train`")

import torch
from torch import nn
from training_fakes import RECIPE, SAMPLES

from scr_live.training.batches import Batches
from scr_live.training.distributed import World
from scr_live.training.learner import DivergedError, Learner
from scr_live.training.precision import (
    SKIPS_IN_A_ROW,
    Arithmetic,
    prepare_arithmetic,
    use_bfloat16_convolutions,
)

torch.set_num_threads(1)
CPU = torch.device("cpu")


def small_network():
    return nn.Sequential(
        nn.Conv2d(3, 48, 3, padding=1),  # few channels in: stays
        nn.Conv2d(48, 48, 3, padding=1, groups=48),  # depthwise: stays
        nn.Conv2d(48, 24, 1, bias=False),
        nn.Conv2d(24, 48, 1),
        nn.Conv2d(48, 8, 3, stride=2, padding=1),
        nn.Conv2d(8, 8, 1),  # too few: stays
    )


def test_the_convolutions_that_gain_are_computed_in_bfloat16_with_the_same_parameters():
    torch.manual_seed(0)
    network, images = small_network(), torch.rand(2, 3, 16, 16)
    names, before = list(network.state_dict()), list(network.parameters())
    expected = network(images)
    use_bfloat16_convolutions(network)
    assert [type(layer) is not nn.Conv2d for layer in network] == [False, False, True, True, True, False]
    assert list(network.state_dict()) == names
    assert all(one is two for one, two in zip(network.parameters(), before, strict=True))
    result = network(images)
    assert result.dtype == torch.float32
    assert not torch.equal(result, expected)
    torch.testing.assert_close(result, expected, rtol=0.05, atol=0.02)
    result.sum().backward()
    assert all(value.grad is not None and value.grad.dtype == torch.float32 for value in before)


def test_float32_changes_nothing():
    network = small_network()
    arithmetic = prepare_arithmetic(network, "float32", device=CPU)
    assert all(type(layer) is nn.Conv2d for layer in network)
    assert (arithmetic.name, arithmetic.note, arithmetic.scaler.is_enabled()) == ("float32", "", False)


def test_a_cpu_without_bfloat16_stays_in_float32_and_says_so(monkeypatch):
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: False, raising=False)
    network = small_network()
    arithmetic = prepare_arithmetic(network, "mixed", device=CPU)
    assert all(type(layer) is nn.Conv2d for layer in network)
    assert "no effect: this CPU" in arithmetic.note


def test_a_cpu_with_bfloat16_uses_it(monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    network = small_network()
    arithmetic = prepare_arithmetic(network, "mixed", device=CPU)
    assert any(type(layer) is not nn.Conv2d for layer in network)
    assert "bfloat16" in arithmetic.name
    assert not arithmetic.note


# float16 with scaled gradients, as on GPUs without bfloat16; torch has both on the CPU too


def half_learner(recipe):
    learner = Learner(recipe, device=CPU, world=World())
    learner.arithmetic = Arithmetic.of(torch.float16, device="cpu")
    return learner


@pytest.fixture
def half():
    return half_learner(RECIPE)


def weights(learner):
    return [value.detach().clone() for value in learner.network.parameters()]


def test_float16_learns_and_its_scale_is_part_of_the_state(half):
    images, masks = Batches(RECIPE, SAMPLES).draw(0)
    before = weights(half)
    assert math.isfinite(half.learn(images, masks, step=0).loss)
    assert any(not torch.equal(a, b) for a, b in zip(before, weights(half), strict=True))
    half.arithmetic.scaler.update(new_scale=8.0)
    other = Learner(RECIPE, device=CPU, world=World())
    other.arithmetic = Arithmetic.of(torch.float16, device="cpu")
    other.restore(half.state())
    assert other.arithmetic.scaler.get_scale() == 8.0


@pytest.mark.parametrize("share", [0.5, 2.0, 0.0], ids=["longer", "shorter", "no-limit"])
def test_gradients_are_measured_and_clipped_after_their_scale_is_taken_back(share):
    images, masks = Batches(RECIPE, SAMPLES).draw(0)
    expected = Learner(RECIPE, device=CPU, world=World()).learn(images, masks, step=0).gradient_norm
    half = half_learner(replace(RECIPE, gradient_clip=share * expected))
    assert half.learn(images, masks, step=0).gradient_norm == pytest.approx(expected, rel=0.05)
    # Adam's first moment is a tenth of the first gradient.
    moments = [state["exp_avg"] for state in half.optimizer.state.values()]
    stepped = 10 * torch.cat([moment.flatten() for moment in moments]).norm().item()
    assert stepped == pytest.approx(0.5 * expected if share == 0.5 else expected, rel=0.05)


def test_an_overflow_of_float16_skips_the_step_and_many_in_a_row_are_an_error(half):
    images, masks = Batches(RECIPE, SAMPLES).draw(0)
    half.learn(images, masks, step=0)
    before, scale = weights(half), half.arithmetic.scaler.get_scale()
    half.network.side[0].bias.register_hook(lambda grad: grad * math.inf)
    assert not math.isfinite(half.learn(images, masks, step=1).gradient_norm)
    assert all(torch.equal(a, b) for a, b in zip(before, weights(half), strict=True))
    assert half.arithmetic.scaler.get_scale() == scale / 2
    for step in range(2, SKIPS_IN_A_ROW):
        half.learn(images, masks, step=step)
    with pytest.raises(DivergedError, match=f"in {SKIPS_IN_A_ROW} steps in a row"):
        half.learn(images, masks, step=SKIPS_IN_A_ROW)
    assert all(torch.equal(a, b) for a, b in zip(before, weights(half), strict=True))


def test_overflows_with_a_good_step_between_them_go_on(half):
    images, masks = Batches(RECIPE, SAMPLES).draw(0)
    factors = [math.inf] * (SKIPS_IN_A_ROW - 1)
    half.network.side[0].bias.register_hook(lambda grad: grad * factor)
    for step, factor in enumerate([*factors, 1.0, *factors]):  # noqa: B007 - the hook reads it
        half.learn(images, masks, step=step)
