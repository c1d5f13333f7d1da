"""Any mask comes back from its runs, written out or packed as COCO packs them."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from scr_live.evaluation.video.truth.runs import extent_of, pixels_of, read_runs

masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=40)).filter(np.any)


def runs_of(mask):
    column_wise = mask.T.ravel()
    changes = np.flatnonzero(np.diff(column_wise)) + 1
    lengths = np.diff([0, *changes, mask.size]).tolist()
    return [0, *lengths] if column_wise[0] else lengths


def packed(runs):
    """The other way round: five bits a character, lowest first, until the rest is nothing but the sign."""
    text = ""
    for place, run in enumerate(runs):
        value = run - runs[place - 2] if place > 2 else run
        while True:
            bits, value = value & 31, value >> 5
            is_last = value == (-1 if bits & 16 else 0)
            text += chr(48 + bits + (0 if is_last else 32))
            if is_last:
                break
    return text


@settings(max_examples=150, deadline=None)
@given(mask=masks, is_packed=st.booleans())
def test_a_mask_comes_back(mask, is_packed):
    height, width = mask.shape
    counts = packed(runs_of(mask)) if is_packed else runs_of(mask)
    runs = read_runs("here", {"size": [height, width], "counts": counts}, (width, height))
    assert np.array_equal(pixels_of(runs, (width, height)), mask)
    rows, columns = np.nonzero(mask)
    extent = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert extent_of(runs, (width, height)) == extent


def test_packed_as_pycocotools_does():
    assert packed([23, 6, 4, 6, 4, 6, 4, 6, 141]) == "g06400000Y4"
