import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch", reason="needs torch, of the extra `train`")

import torch
from torch import nn

from scr_live.training.optimizer import Average, build_optimizer, learning_rate, rates_of, set_rates
from scr_live.training.recipe import Recipe

recipes = st.builds(
    Recipe,
    steps=st.integers(1, 300),
    warmup=st.sampled_from(("linear", "paper")),
    warmup_steps=st.integers(0, 299),
    warmup_from=st.just(1e-5),
    decay_power=st.floats(0.1, 3),
).filter(lambda recipe: recipe.warmup_steps < recipe.steps)
peaks = st.floats(1e-5, 1)


@given(recipes, peaks)
def test_the_rate_starts_low_meets_its_peak_and_ends_at_zero(recipe, peak):
    rates = [learning_rate(step, recipe, peak=peak) for step in range(recipe.steps + 1)]
    warm = recipe.warmup_steps
    if warm:
        start = peak / warm if recipe.warmup == "linear" else 1e-5
        assert rates[0] == pytest.approx(start)
    assert rates[warm] == peak == pytest.approx(max(rates))
    assert rates[-1] == 0
    assert rates[:warm] == sorted(rates[:warm])
    assert rates[warm:] == sorted(rates[warm:], reverse=True)


def test_half_way_up_and_half_way_down_the_paper_s_power_holds():
    recipe = Recipe(steps=110, warmup="paper", warmup_steps=10, warmup_from=1e-5)
    assert learning_rate(5, recipe, peak=1e-3) == pytest.approx(1e-5 + (1e-3 - 1e-5) * 0.5**0.9)
    assert learning_rate(60, recipe, peak=1e-3) == pytest.approx(1e-3 * 0.5**0.9)


def test_a_warm_up_longer_than_the_run_never_reaches_the_peak():
    recipe = Recipe(steps=10, warmup_steps=20)
    assert learning_rate(9, recipe, peak=1.0) == pytest.approx(0.5)


class TwoParts(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
        self.head = nn.Conv2d(4, 1, 1)


@pytest.mark.parametrize("kind", ["adamw", "adam"])
def test_each_part_has_its_peak_and_only_adam_decays_everything(kind):
    network = TwoParts()
    recipe = Recipe(optimizer=kind, rate=0.01, encoder_rate=0.002, weight_decay=0.3)
    optimizer = build_optimizer(network, recipe)
    found = {id(p): (g["peak"], g["weight_decay"]) for g in optimizer.param_groups for p in g["params"]}
    for name, value in network.named_parameters():
        peak = 0.002 if name.startswith("encoder.") else 0.01
        decay = 0.3 if kind == "adam" or value.ndim > 1 else 0.0
        assert found[id(value)] == (peak, decay), name


def test_the_rates_of_a_step_are_set_and_told():
    recipe = Recipe(rate=0.01, encoder_rate=0.002, steps=10, warmup_steps=4)
    optimizer = build_optimizer(TwoParts(), recipe)
    set_rates(optimizer, 1, recipe)
    assert dict(rates_of(optimizer)) == {"encoder": pytest.approx(0.001), "decoder": pytest.approx(0.005)}


@pytest.mark.parametrize(("kind", "shrinks_by"), [("adamw", 0.1 * 0.5), ("adam", None)])
def test_decay_is_apart_from_the_gradient_in_adamw_and_a_part_of_it_in_adam(kind, shrinks_by):
    network = TwoParts()
    recipe = Recipe(optimizer=kind, rate=0.1, encoder_rate=0.1, weight_decay=0.5, warmup_steps=0)
    optimizer = build_optimizer(network, recipe)
    set_rates(optimizer, 0, recipe)
    before = network.head.weight.detach().clone()
    for value in network.parameters():
        value.grad = torch.zeros_like(value)
    optimizer.step()
    # Without another gradient, Adam's first step is the whole rate against each weight's sign.
    expected = before - 0.1 * before.sign() if shrinks_by is None else before * (1 - shrinks_by)
    torch.testing.assert_close(network.head.weight.detach(), expected, rtol=1e-4, atol=1e-5)


# The average


def steps_of(network, values):
    """Give every weight and BatchNorm's running mean each of these values, one after another."""
    for value in values:
        with torch.no_grad():
            for entry in (*network.parameters(), network.encoder[1].running_mean):
                entry.fill_(value)
        network.encoder[1].num_batches_tracked += 1
        yield


def averaged(decay, values):
    network = TwoParts()
    for _ in steps_of(network, [1.0]):
        average = Average(network, decay=decay)
    for step, _ in enumerate(steps_of(network, values), start=1):
        average.update(step)
    return average.values


def test_the_average_by_hand_with_the_statistics_of_batchnorm():
    found = averaged(0.25, [3.0, 5.0])
    # Step 1: decay (1 + 1) / (10 + 1), so 1 * 2/11 + 3 * 9/11 = 29/11. Step 2: 3/12, as much as 0.25.
    expected = 29 / 11 * 0.25 + 5 * 0.75
    for name in ("head.weight", "head.bias", "encoder.1.weight", "encoder.1.running_mean"):
        assert found[name].flatten()[0].item() == pytest.approx(expected), name
    assert found["encoder.1.num_batches_tracked"] == 3  # counted, not averaged


def test_the_decay_of_an_average_is_a_limit():
    slow, quick = averaged(0.999, [3.0]), averaged(0.1, [3.0])
    assert slow["head.bias"].item() == pytest.approx(1 * 2 / 11 + 3 * 9 / 11)
    assert quick["head.bias"].item() == pytest.approx(1 * 0.1 + 3 * 0.9)


def test_without_decay_the_average_is_what_was_trained():
    assert averaged(0.0, [3.0, 5.0])["head.bias"].item() == 5.0


def test_saved_averages_are_taken_over_and_those_of_another_network_are_not():
    average = Average(TwoParts(), decay=0.9)
    average.load(averaged(0.0, [7.0]))
    assert average.values["head.weight"].unique().tolist() == [7.0]
    with pytest.raises(LookupError):
        average.load({})
