import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch, of the extra `train`")

from training_fakes import SAMPLES, SIDE, drawn

from scr_live.errors import OutputUnwritableError
from scr_live.training.pictures import TILE, choose_examples, write_grid

MANY = [
    drawn(name, polyp=polyp, seed=0)
    for name, polyp, count in (("a", True, 20), ("b", True, 3), ("c", False, 9), ("d", False, 1))
    for _ in range(count)
]


def test_examples_come_from_all_sets_and_from_all_over_them():
    chosen = choose_examples(MANY)
    assert chosen == choose_examples(MANY)
    assert len(set(chosen)) == 8
    names = [MANY[place].set_name for place in chosen]
    assert sorted(names) == ["a", "a", "a", "b", "b", "b", "c", "d"]
    assert max(place for place in chosen if MANY[place].set_name == "a") > 10


@pytest.mark.parametrize("samples", [SAMPLES, SAMPLES[:1], []])
def test_few_pictures_are_all_shown(samples):
    assert sorted(choose_examples(samples)) == list(range(len(samples)))


def test_a_grid_shows_picture_truth_probability_and_prediction(tmp_path):
    probability = np.zeros((SIDE, SIDE), np.float32)
    probability[:, SIDE // 2 :] = 0.9
    path = tmp_path / "new" / "grid.jpg"
    grid = write_grid(path, SAMPLES, {0: probability, 2: np.zeros((SIDE, SIDE), np.float32)})
    assert cv2.imread(str(path)).shape == grid.shape
    assert grid.shape[0] > 2 * TILE
    picture, truth, shown, found = (grid[:TILE, k * (TILE + 4) :][:, :TILE].astype(int) for k in range(4))
    assert shown[TILE // 2, [10, -10]].mean(axis=1) == pytest.approx([0, 229], abs=2)
    middle = TILE // 2
    assert np.abs(truth - picture)[middle, TILE // 4 - 3 : TILE // 4 + 3].max() > 50  # the polyp's left edge
    assert np.abs(found - picture)[middle, middle - 3 : middle + 3].max() > 50  # the prediction's left edge
    assert np.abs(found - picture)[middle, TILE // 4 - 3 : TILE // 4 + 3].max() == 0


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputUnwritableError, match=r"grid\.jpg"):
        write_grid(tmp_path / "file" / "grid.jpg", SAMPLES, {0: np.zeros((SIDE, SIDE), np.float32)})
