"""Measuring engines against PyTorch."""

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="measuring needs torch")

from scr_live.card import ModelCard  # noqa: E402
from scr_live.convert.measure import Measure  # noqa: E402
from scr_live.convert.pictures import select  # noqa: E402
from scr_live.engines.constant import ConstantEngine  # noqa: E402
from scr_live.network.config import PLAIN  # noqa: E402
from scr_live.network.scr_net import ScrNet  # noqa: E402

SIZE = 32


@pytest.fixture
def measure(tmp_path, rng):
    """Pictures with a disc in the middle for a polyp."""
    mask = cv2.circle(np.zeros((SIZE, SIZE), np.uint8), (SIZE // 2, SIZE // 2), SIZE // 4, 255, -1)
    for kind in ("images", "masks"):
        (tmp_path / "set" / kind).mkdir(parents=True)
    for number in range(2):
        picture = rng.integers(60, 200, (SIZE, SIZE, 3), np.uint8)
        assert cv2.imwrite(str(tmp_path / "set" / "images" / f"{number}.png"), picture)
        assert cv2.imwrite(str(tmp_path / "set" / "masks" / f"{number}.png"), mask)
    torch.manual_seed(0)
    verify = select(tmp_path / "set", "val", most=2)
    return Measure(ScrNet(PLAIN), ModelCard("tiny", SIZE, network=PLAIN.as_dict()), verify=verify)


def disc(probability=1.0):
    return ConstantEngine(SIZE, probability, radius=0.25)


def test_the_engine_that_does_worst_decides(measure):
    right, blind = measure.lowest_dice([disc()]), measure.lowest_dice([disc(probability=0.0)])
    assert right > 0.8
    assert blind == 0
    assert measure.lowest_dice([disc(), disc(probability=0.0)]) == blind
    assert measure.lowest_dice([disc(probability=0.0), disc()]) == blind


def test_no_engine_is_no_score(measure):
    with pytest.raises(ValueError, match="empty"):
        measure.lowest_dice([])
