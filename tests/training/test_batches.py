import pickle
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch, of the extra `train`")

import torch

from scr_live.errors import DataError, OptionError
from scr_live.training.batches import Batches, to_tensor
from scr_live.training.data import Sample
from scr_live.training.recipe import Recipe

RECIPE = Recipe(
    sizes=(32, 64), final_size=96, final_share=0.25, steps=40, batch=4, negatives_per_batch=1, seed=5
)


def sample(set_name, level, *, polyp):
    """Of one grey level, so that it can be told from the others after augmentation."""
    mask = np.zeros((64, 64), np.uint8)
    if polyp:
        mask[:] = 255  # augmentation cannot move all of it out of the picture
    return Sample(set_name, np.full((64, 64, 3), level, np.uint8), mask)


SAMPLES = [
    sample("a", 90, polyp=True),
    sample("b", 120, polyp=True),
    sample("b", 150, polyp=True),
    sample("clean", 60, polyp=False),
]


def test_a_batch_depends_on_seed_and_step_alone():
    one, two = Batches(RECIPE, SAMPLES), Batches(RECIPE, SAMPLES)
    one.draw(0)  # what was drawn before must not matter
    assert all(torch.equal(a, b) for a, b in zip(one.draw(7), two.draw(7), strict=True))
    for other in (two.draw(8), Batches(replace(RECIPE, seed=6), SAMPLES).draw(7)):
        assert other[0].shape != one.draw(7)[0].shape or not torch.equal(other[0], one.draw(7)[0])


@pytest.mark.parametrize("augmentation", ["endoscopy", "paper"])
def test_what_draws_can_be_sent_to_another_process(augmentation):
    batches = Batches(replace(RECIPE, augmentation=augmentation), SAMPLES)
    copy = pickle.loads(pickle.dumps(batches))  # noqa: S301 - its own
    assert all(torch.equal(a, b) for a, b in zip(copy.draw(3), batches.draw(3), strict=True))


def test_every_batch_has_its_share_of_pictures_without_polyp():
    batches = Batches(RECIPE, SAMPLES)
    for step in range(10):
        images, masks = batches.draw(step)
        assert images.shape[:2] == (4, 3)
        assert masks.shape == (4, 1, *images.shape[2:])
        assert masks.flatten(1).any(1).tolist() == [True, True, True, False]
        assert set(masks.unique().tolist()) <= {0.0, 1.0}


def test_sizes_are_drawn_until_the_last_share_of_the_steps():
    batches = Batches(RECIPE, SAMPLES)
    assert {batches.draw(step)[0].shape[-1] for step in range(0, 30, 3)} == {32, 64}
    assert {batches.draw(step)[0].shape[-1] for step in (30, 35, 39)} == {96}


def test_a_set_of_weight_zero_is_never_drawn():
    sets = {"a": 0.0, "b": 3.0}
    batches = Batches(replace(RECIPE, set_weights=tuple(sets.items())), SAMPLES)
    np.testing.assert_allclose(batches._odds[0], [0, 0.5, 0.5])
    np.testing.assert_allclose(batches._odds[1], [1.0])


@pytest.mark.parametrize(
    ("samples", "message"),
    [(SAMPLES[3:], "with polyps, found 0"), (SAMPLES[:3], "1 a batch without, found 0"), ([], "found 0")],
)
def test_too_few_pictures_are_refused(samples, message):
    with pytest.raises(DataError, match=message):
        Batches(RECIPE, samples)


def test_a_recipe_without_negatives_needs_none():
    images, masks = Batches(replace(RECIPE, negatives_per_batch=0), SAMPLES[:3]).draw(0)
    assert len(images) == 4
    assert masks.flatten(1).any(1).all()


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ((("kvasir_seg", 2.0),), r"\['kvasir_seg'\].*a, b, clean"),
        ((("a", 0.0), ("b", 0.0)), "every set with pictures with a polyp"),
        ((("clean", 0.0),), "every set with pictures without a polyp"),
    ],
)
def test_weights_that_do_not_fit_the_sets_are_refused(weights, message):
    with pytest.raises(DataError, match=message):
        Batches(replace(RECIPE, set_weights=weights), SAMPLES)


def test_pictures_become_channels_first_numbers():
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    batch = to_tensor([image, image])
    assert batch.shape == (2, 3, 2, 4)
    assert batch.dtype == torch.float32
    assert batch[1, 2, 1, 3] == image[1, 3, 2]


@pytest.mark.parametrize("world", [2, 4])
def test_processes_share_the_batch_that_one_would_draw(world):
    whole = Batches(RECIPE, SAMPLES).draw(3)
    for rank in range(world):
        share = Batches(RECIPE, SAMPLES, rank=rank, world=world).draw(3)
        for part, all_of_it in zip(share, whole, strict=True):
            assert torch.equal(part, all_of_it[rank::world])


def test_a_batch_that_cannot_be_shared_evenly_is_refused():
    with pytest.raises(OptionError, match="multiple of the number of processes, 3"):
        Batches(RECIPE, SAMPLES, rank=0, world=3)


def test_the_papers_augmentation_adds_no_colour():
    tinted = Sample("a", np.full((64, 64, 3), (200, 100, 50), np.uint8), np.full((64, 64), 255, np.uint8))
    recipe = replace(RECIPE, negatives_per_batch=0, augmentation="paper", sizes=(64,))
    images, _ = Batches(recipe, [tinted]).draw(0)
    ratios = (images[:, 0] - images[:, 1]) / (images[:, 1] - images[:, 2]).clamp(min=1)
    shown = images[:, 0] > 0
    assert torch.allclose(ratios[shown], torch.tensor(2.0), atol=0.1)
    strong, _ = Batches(replace(recipe, augmentation="endoscopy"), [tinted]).draw(0)
    assert not torch.equal(images, strong)
