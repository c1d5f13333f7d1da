"""Frozen, black and white input is named; a dark lumen, a flash and a living picture are not."""

import numpy as np
import pytest

from scr_live.frames import Signal
from scr_live.sources.judge import BLACK_BELOW, FROZEN_AFTER_S, HOLDS_S, SignalJudge


@pytest.fixture
def judge():
    return SignalJudge()


def flat(value, size=(240, 320)):
    return np.full((*size, 3), value, np.uint8)


def verdicts(judge, pictures, *, start=0.0, fps=25):
    return [judge.judge(picture, start + i / fps) for i, picture in enumerate(pictures)]


def noisy(rng, value, count):
    for _ in range(count):
        noise = rng.integers(-2, 3, (240, 320, 3))
        yield np.clip(noise + value, 0, 255).astype(np.uint8)


def test_a_living_picture_is_ok(judge, rng):
    assert set(verdicts(judge, noisy(rng, 120, 60))) == {Signal.OK}


def test_the_same_picture_for_longer_than_a_second_is_frozen(judge, rng):
    picture = rng.integers(0, 256, (240, 320, 3), np.uint8)
    result = verdicts(judge, [picture.copy() for _ in range(60)])
    first = result.index(Signal.FROZEN)
    assert FROZEN_AFTER_S <= first / 25 <= FROZEN_AFTER_S + 0.08
    assert set(result[first:]) == {Signal.FROZEN}


def test_one_changed_pixel_is_life(judge, rng):
    picture = rng.integers(1, 255, (241, 323, 3), np.uint8)
    result = []
    for i in range(60):
        picture = picture.copy()
        picture[-1, -1, 2] = i  # no sample falls here
        result.append(judge.judge(picture, i / 25))
    assert set(result) == {Signal.OK}


def test_life_after_a_freeze_is_ok_at_once(judge, rng):
    verdicts(judge, [flat(90)] * 60)
    assert judge.judge(flat(91), 60 / 25) is Signal.OK


def test_another_size_is_another_picture(judge):
    verdicts(judge, [flat(90)] * 60)
    assert judge.judge(flat(90, (120, 160)), 60 / 25) is Signal.OK


@pytest.mark.parametrize(("value", "signal"), [(5, Signal.BLACK), (254, Signal.SATURATED)])
def test_black_and_white_are_named_once_they_hold(judge, rng, value, signal):
    result = verdicts(judge, noisy(rng, value, 40))
    first = result.index(signal)
    assert HOLDS_S <= first / 25 <= HOLDS_S + 0.08
    assert set(result[:first]) == {Signal.OK}
    assert set(result[first:]) == {signal}


@pytest.mark.parametrize("value", [0, 255])
def test_a_flash_or_a_cut_is_nothing(judge, rng, value):
    pictures = [*noisy(rng, 120, 20), *[flat(value)] * 5, *noisy(rng, 120, 20)]
    assert set(verdicts(judge, pictures)) == {Signal.OK}


def test_a_black_picture_that_does_not_move_is_black(judge):
    assert verdicts(judge, [flat(0)] * 60)[-1] is Signal.BLACK


def test_a_dark_lumen_with_a_lit_rim_is_not_black(judge, rng):
    pictures = []
    for picture in noisy(rng, 8, 60):
        picture[:24] = 60  # a tenth of the picture
        pictures.append(picture)
    assert set(verdicts(judge, pictures)) == {Signal.OK}


def test_a_mucosa_close_up_under_full_light_is_not_white(judge, rng):
    pictures = []
    for picture in noisy(rng, 253, 60):
        picture[..., 2] = 200  # it is never white: mucosa swallows blue
        pictures.append(picture)
    assert set(verdicts(judge, pictures)) == {Signal.OK}


def test_a_clock_on_black_does_not_hide_that_it_is_black(judge, rng):
    pictures = []
    for i, picture in enumerate(noisy(rng, BLACK_BELOW - 10, 40)):
        picture[:8, : 40 + i % 2] = 255
        pictures.append(picture)
    assert verdicts(judge, pictures)[-1] is Signal.BLACK


@pytest.mark.parametrize("size", [(1, 1), (7, 500), (2160, 3840)])
def test_every_size_can_be_judged(judge, size):
    assert verdicts(judge, [flat(3, size)] * 3)[-1] is Signal.OK
