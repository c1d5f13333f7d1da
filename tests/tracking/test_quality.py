"""What can be judged: each kind of unfit picture by its name, and tissue as good."""

import cv2
import numpy as np
import pytest
from scenes import SIZE, tissue, view

from scr_live.frames import Quality
from scr_live.tracking.quality import QualityJudge, measure

GOOD = view(tissue())


def grey(level):
    texture = np.random.default_rng(0).normal(0, 12, (SIZE, SIZE, 1))
    return np.clip(level + texture, 0, 255).astype(np.uint8).repeat(3, axis=2)


def half_grey():
    picture = GOOD.copy()
    picture[:, : SIZE * 6 // 10] = grey(150)[:, : SIZE * 6 // 10]
    return picture


@pytest.mark.parametrize(
    ("picture", "quality"),
    [
        (GOOD, Quality.GOOD),
        ((GOOD * 0.2).astype(np.uint8), Quality.DARK),
        (np.zeros_like(GOOD), Quality.DARK),
        (np.clip(GOOD * 6.0, 0, 255).astype(np.uint8), Quality.BRIGHT),
        (cv2.GaussianBlur(GOOD, (0, 0), 9), Quality.BLURRED),
        (grey(120), Quality.OUTSIDE),
        (half_grey(), Quality.COVERED),
    ],
)
def test_each_kind_has_its_name(picture, quality):
    assert measure(picture).quality is quality


def test_a_few_odd_frames_change_nothing():
    judge = QualityJudge()
    dark = np.zeros_like(GOOD)
    seen = [judge.update(picture) for picture in [GOOD, GOOD, dark, dark, GOOD, dark, dark, dark, dark, GOOD]]
    assert seen == [Quality.GOOD] * 7 + [Quality.DARK] * 3
