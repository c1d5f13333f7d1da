"""ONNX files without a card: fed with what their input asks for, their answer not looked at.

How fast a network is does not depend on what its answer means, so a peer's file can be measured as it is.
"""

from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from scr_live.card import LARGEST_INPUT, ModelCard, file_sha256, find_card
from scr_live.errors import CardError
from scr_live.frames import Mask
from scr_live.shipped import Model

_LAYOUTS: Final = {"uint8": "NHWC", "float32": "NCHW"}
_COLOURS = 3
_SIDES = 4


class UnreadCard(ModelCard):
    """What a graph tells of its own input; the answer is taken and thrown away."""

    __slots__ = ()

    @classmethod
    def of_input(cls, name: str, shape: tuple[int | None, ...], dtype: str) -> Self:
        """Make the card of a graph with one input. CardError: it takes no square colour picture."""
        layout = _LAYOUTS.get(dtype)
        sides = shape[1:3] if layout == "NHWC" else shape[2:4]
        channels = shape[-1:] if layout == "NHWC" else shape[1:2]
        fits = len(shape) == _SIDES and shape[0] in (None, 1) and channels == (_COLOURS,)
        side = sides[0] if fits and len(set(sides)) == 1 else None
        if layout is None or not isinstance(side, int) or not 1 <= side <= LARGEST_INPUT:
            raise CardError(
                f"{name} takes {dtype} of {shape} and has no card. Without one, a file must take one square "
                "colour picture of a fixed size: uint8 of (1, s, s, 3) or float32 of (1, 3, s, s)."
            )
        if dtype == "uint8":
            return cls(name, side, layout="NHWC", dtype="uint8")
        half = (127.5, 127.5, 127.5)
        return cls(name, side, layout="NCHW", dtype="float32", mean=half, std=half)

    def to_probability(self, output: NDArray[np.floating[Any]]) -> Mask:  # noqa: ARG002 - it is not read
        """Answer that there is nothing, whatever the network says."""
        return np.zeros((self.input_size, self.input_size), np.float32)


def has_card(path: Path) -> bool:
    """Whether a card lies beside the file, be it right or wrong."""
    try:
        find_card(path)
    except CardError:
        return False
    return True


def unread_model(path: Path) -> Model:
    """Make a model of an ONNX file that has no card. CardError: it cannot be fed without one."""
    from scr_live.engines.openvino import inputs_of, read_onnx  # noqa: PLC0415 - heavy

    try:
        inputs = inputs_of(read_onnx(path))
    except Exception as error:  # its exceptions share no public base
        raise CardError(f"{path} cannot be read as ONNX: {' '.join(str(error).split())[:200]}") from error
    if len(inputs) != 1:
        raise CardError(f"{path} has {len(inputs)} inputs and no card; expected one, a picture.")
    return Model(path, UnreadCard.of_input(path.stem, *inputs[0]), file_sha256(path))
