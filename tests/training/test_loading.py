import os
import signal

import pytest

pytest.importorskip("torch", reason="needs torch, of the extra `train`")

import torch
from training_fakes import RECIPE, SAMPLES

from scr_live.errors import DataError, ScrLiveError
from scr_live.training.batches import Batches
from scr_live.training.loading import explain_worker, load_batches, workers_for

torch.set_num_threads(1)
CPU = torch.device("cpu")


def loaded(batches, *, workers, first=1, end=5):
    return list(load_batches(batches, first=first, end=end, workers=workers, device=CPU))


@pytest.mark.parametrize("workers", [0, 2])
def test_workers_prepare_the_batches_of_their_steps_in_order(workers):
    batches = Batches(RECIPE, SAMPLES)
    found = loaded(batches, workers=workers)
    assert len(found) == 4
    for step, (images, masks) in enumerate(found, start=1):
        expected = batches.draw(step)
        assert torch.equal(images, expected[0])
        assert torch.equal(masks, expected[1])
        assert images.is_contiguous(memory_format=torch.channels_last)


class Broken(Batches):
    def draw(self, step):
        if step == 2:
            raise DataError("picture 17 is gone")
        return super().draw(step)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_of_a_worker_arrives_as_it_was_raised(workers):
    with pytest.raises(DataError) as raised:
        loaded(Broken(RECIPE, SAMPLES), workers=workers)
    assert str(raised.value) == "picture 17 is gone"


class Interrupted(Batches):
    def draw(self, step):
        os.kill(os.getpid(), signal.SIGINT)
        return super().draw(step)


def test_ctrl_c_reaches_the_workers_too_and_they_leave_it_to_the_main_process():
    assert len(loaded(Interrupted(RECIPE, SAMPLES), workers=1)) == 4


class Deadly(Batches):
    def draw(self, step):
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


def test_a_worker_that_was_killed_is_explained():
    explained = None
    try:
        loaded(Deadly(RECIPE, SAMPLES), workers=1)
    except RuntimeError as error:  # kept, as by pytest.raises, it would keep the loader and its thread alive
        explained = explain_worker(error)
    assert isinstance(explained, ScrLiveError)
    assert "fewer `workers`" in str(explained)
    assert "\n" not in str(explained)


def test_other_errors_are_not_explained_away():
    assert explain_worker(RuntimeError("size mismatch")) is None


def test_nobody_prepares_pictures_on_the_cores_that_train():
    assert workers_for(CPU) == 0
    assert 1 <= workers_for(torch.device("cuda")) <= 8
