"""Percentiles, medians over rounds, ratios within rounds."""

import numpy as np
import pytest

from scr_live.bench.statistics import FEWEST_ROUNDS, medians, middle, ratio, spread


def test_percentiles_are_those_of_all_samples():
    found = spread(list(range(1, 202)))  # 1..201
    assert (found.p50, found.p95, found.p99) == (101, 191, 199)
    assert (found.count, found.least, found.most, found.mean) == (201, 1, 201, 101)


@pytest.mark.parametrize(("count", "p95", "p99"), [(19, False, False), (99, True, False), (100, True, True)])
def test_a_percentile_that_too_few_samples_reach_is_not_told(count, p95, p99):
    found = spread([1.0] * count)
    assert (found.p95 is not None, found.p99 is not None) == (p95, p99)
    assert (found.as_dict()["p99"] is None) is not p99


def test_a_slow_round_counts_as_one_whatever_its_samples():
    rounds = [[1.0] * 5, [1.1] * 5, [9.0] * 500]
    assert middle(medians(rounds)).value == 1.1


def test_a_few_rounds_have_no_interval():
    assert middle([1.0] * (FEWEST_ROUNDS - 1)).low is None
    assert middle([1.0] * FEWEST_ROUNDS).low == 1.0


def test_the_interval_holds_the_median_and_is_the_same_again(rng):
    values = rng.normal(10, 1, 40)
    found = middle(values)
    assert found == middle(values)
    assert found.low < found.value < found.high
    assert found.high - found.low < 1.5
    assert middle(rng.normal(10, 5, 40)).high - 10 > found.high - found.value


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = [(one := middle(rng.exponential(1.0, 25))).low <= np.log(2) <= one.high for _ in range(200)]
    assert 0.88 <= np.mean(hits) <= 1.0


def test_the_mood_of_the_machine_falls_out_of_a_ratio():
    mood = np.array([1.0, 3.0, 1.0, 8.0, 2.0, 1.0, 5.0])
    found = ratio(list(20 * mood), list(10 * mood))
    assert (found.value, found.low, found.high) == (2.0, 2.0, 2.0)


def test_rounds_that_only_one_saw_are_left_out_of_a_ratio():
    assert ratio([2.0, 2.0], [1.0, 1.0, 50.0]).value == 2.0
