"""A tiny network, recipe and pictures, for tests of the loop; shared with the processes they start."""

import numpy as np

from scr_live.network.config import NetworkConfig
from scr_live.training.data import Sample
from scr_live.training.recipe import Recipe

SIDE = 64
PLAIN = NetworkConfig(encoder="plain", width=4)
RECIPE = Recipe(
    network=PLAIN,
    imagenet=False,
    sizes=(32, 64),
    final_size=64,
    final_share=0.25,
    batch=2,
    negatives_per_batch=1,
    steps=4,
    warmup_steps=1,
    validate_every=2,
)


def drawn(set_name, *, polyp, seed):
    rng = np.random.default_rng(seed)
    image = rng.integers(40, 200, (SIDE, SIDE, 3), dtype=np.uint8)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    if polyp:
        mask[16:48, 16:48] = 255
        image[16:48, 16:48, 0] = 230
    return Sample(set_name, image, mask)


SAMPLES = [
    drawn("a", polyp=True, seed=0),
    drawn("b", polyp=True, seed=1),
    drawn("clean", polyp=False, seed=2),
]


def never():
    return False


def quiet(_event):
    pass
