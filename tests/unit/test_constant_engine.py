"""The shipped fake keeps the contract of an engine."""

import numpy as np
import pytest

from scr_live.engines.constant import ConstantEngine
from scr_live.errors import InferenceError

IMAGE = np.zeros((16, 16, 3), np.uint8)


def test_it_answers_a_disc_of_its_probability():
    with ConstantEngine(16, 0.75) as engine:
        answer = engine.infer(IMAGE)
    assert answer.shape == (16, 16)
    assert answer.dtype == np.float32
    assert answer[8, 8] == 0.75
    assert answer[0, 0] == 0.0


def test_the_answer_belongs_to_the_caller():
    engine = ConstantEngine(16, 0.5)
    engine.infer(IMAGE)[:] = 1.0
    assert engine.infer(IMAGE).max() == 0.5


def test_it_fails_when_told_to():
    engine = ConstantEngine(16, fail_after=2)
    engine.infer(IMAGE)
    engine.infer(IMAGE)
    with pytest.raises(InferenceError, match="after 2 answers"):
        engine.infer(IMAGE)


@pytest.mark.parametrize("image", [IMAGE[:8], IMAGE[..., 0], IMAGE.astype(np.float32)])
def test_it_refuses_what_a_real_engine_would_refuse(image):
    with pytest.raises(InferenceError, match=r"takes \(16, 16, 3\) uint8"):
        ConstantEngine(16).infer(image)


def test_it_says_what_it_is():
    info = ConstantEngine(16).info
    assert (info.backend, info.input_size) == ("constant", 16)
