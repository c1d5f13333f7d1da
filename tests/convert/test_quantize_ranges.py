import numpy as np
import pytest

pytest.importorskip("onnx", reason="needs onnx, of the extra `export`")

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from scr_live.convert.quantize_ranges import METHODS, collect, least_error, whole, without_outliers
from scr_live.errors import ModelError

STEPS = 255

VALUES = arrays.arrays(
    np.float32, st.integers(1, 60), elements=st.floats(-1000, 1000, width=32, allow_subnormal=False)
)


def histogram(*parts):
    """Of one tensor that had these values on one picture after another."""
    return collect(["t"], lambda: ([np.asarray(part, np.float32)] for part in parts))["t"]


def error(values, low, high):
    """Mean squared error of rounding to the steps of this range."""
    step = (high - low) / STEPS
    zero = np.round(-low / step)
    return np.mean((values - (np.clip(np.round(values / step) + zero, 0, STEPS) - zero) * step) ** 2)


@given(VALUES, VALUES)
def test_every_value_is_counted_once_within_a_span_that_holds_0(first, second):
    found = histogram(first, second)
    both = np.concatenate([first, second])
    assert found.counts.sum() == both.size
    assert found.low == min(0.0, both.min())
    assert found.high == max(0.0, both.max())


@pytest.mark.parametrize("method", METHODS)
@given(values=VALUES)
def test_a_range_holds_0_and_goes_no_further_than_the_values(method, values):
    found = histogram(values)
    low, high = METHODS[method](found)
    width = (found.high - found.low) / 2048
    assert found.low - width <= low <= 0 <= high <= found.high + width
    assert (low, high) != (0, 0) or not values.any()


def test_the_whole_range_is_that_of_all_pictures():
    assert whole(histogram([0.5, 2.0], [-3.0, 1.0])) == (-3.0, 2.0)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_tensor_that_is_no_number_is_named(value):
    with pytest.raises(ModelError, match="t is no number on picture 1"):
        histogram([1.0], [value])


def test_a_tensor_that_is_always_0_has_the_range_0():
    assert {method(histogram(np.zeros(9))) for method in METHODS.values()} == {(0.0, 0.0)}


def test_single_values_far_out_are_left_out():
    values = np.concatenate([np.linspace(0, 1, 10**6), [100.0]])
    low, high = without_outliers(histogram(values))
    assert low == 0
    assert 1 <= high < 1.1


def test_values_are_not_left_out_for_being_at_the_end():
    low, high = without_outliers(histogram(np.linspace(-2, 1, 10**5)))
    assert (low, high) == pytest.approx((-2, 1), abs=0.01)


def test_the_least_error_is_less_than_that_of_the_whole_range_where_few_values_are_far_out():
    rng = np.random.default_rng(0)
    values = np.abs(rng.normal(0, 1, 10**6))
    values[0] = 20.0
    found = histogram(values)
    low, high = least_error(found)
    assert high < 10
    assert error(values, low, high) < 0.6 * error(values, *whole(found))


def test_the_least_error_of_even_values_is_that_of_the_whole_range():
    low, high = least_error(histogram(np.linspace(-1, 1, 10**5)))
    assert (low, high) == pytest.approx((-1, 1), abs=0.05)
