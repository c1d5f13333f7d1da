"""A biopsy forceps: a grey shaft from the lower right, with open jaws."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from scr_live.phantom import lens
from scr_live.phantom.noise import Field, as_field

_CHANNEL = np.array([0.62, 1.25])
"""Where it comes from, in half heights of the field from its centre."""
_TARGET = np.array([-0.02, 0.05])
_WIDTH = (0.13, 0.075)
"""Half widths at the channel and at the target."""
_STEEL = (0.42, 0.44, 0.47)


@dataclass(frozen=True, slots=True, eq=False)
class Tool:
    """Where it lies in the frame, in pixels."""

    tip: NDArray[np.float64]  # (2,)
    along: NDArray[np.float64]  # (2,) unit, towards the tip
    length: float
    width: tuple[float, float]
    """Half widths at the channel and at the tip."""


def hold_tool(amount: float, time_s: float, size: tuple[int, int]) -> Tool:
    """Push it out by `amount` (0..1), shaking a little."""
    cx, cy, _, half_height = lens.field_box(*size)
    shake = 0.03 * np.array([np.sin(2.9 * time_s), np.sin(2.3 * time_s + 1)])
    target = _TARGET + shake * amount
    tip = _CHANNEL + (target - _CHANNEL) * amount
    way = target - _CHANNEL
    end = _WIDTH[0] + (_WIDTH[1] - _WIDTH[0]) * amount
    return Tool(
        tip=np.array([cx, cy]) + tip * half_height,
        along=way / np.linalg.norm(way),
        length=float(np.linalg.norm(tip - _CHANNEL)) * half_height,
        width=(_WIDTH[0] * half_height, end * half_height),
    )


def lay_tool(planes: list[Field], tool: Tool) -> None:
    """Draw its shadow, the shaft with its coil, and the jaws."""
    height, width = planes[0].shape
    hidden = np.zeros((height, width), np.uint8)
    hide_tool(hidden, tool)
    edge = cv2.GaussianBlur(hidden.astype(np.float32), (0, 0), 0.3 + 0.0015 * width)
    reach = round(0.35 * tool.width[1])
    moved = np.roll(hidden, (reach, -reach), axis=(0, 1)).astype(np.float32)
    shadow = 1 - np.float32(0.55) * as_field(cv2.GaussianBlur(moved, (0, 0), 0.3 + 0.2 * tool.width[1]))
    light = _light(tool, (height, width))
    for plane, tone in zip(planes, _STEEL, strict=True):
        shaded = plane * shadow
        plane[:] = shaded + (light * np.float32(tone) - shaded) * edge


def hide_tool(hidden: NDArray[np.uint8], tool: Tool) -> None:
    """Mark what it stands before."""
    aside = np.array([-tool.along[1], tool.along[0]])
    back = tool.tip - tool.along * tool.length
    near, end = tool.width
    shaft = [back - aside * near, back + aside * near, tool.tip + aside * end, tool.tip - aside * end]
    cv2.fillPoly(hidden, [np.round(shaft).astype(np.int32)], 1)
    for side in (-1, 1):
        cv2.fillPoly(hidden, [_jaw(tool, aside * side)], 1)


def _jaw(tool: Tool, aside: NDArray[np.float64]) -> NDArray[np.int32]:
    """A spoon that opens to one side."""
    end = tool.width[1]
    points = [
        (-0.4, 0.0),
        (0.5, 0.9),
        (1.6, 1.7),
        (2.6, 1.75),
        (3.0, 1.35),
        (2.2, 1.1),
        (1.2, 0.65),
        (0.4, 0.0),
    ]
    return np.round([tool.tip + (tool.along * a + aside * b) * end for a, b in points]).astype(np.int32)


def _light(tool: Tool, shape: tuple[int, int]) -> Field:
    """Light on a round coil, brightest along a line left of its middle."""
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    x, y = columns - np.float32(tool.tip[0]), rows - np.float32(tool.tip[1])
    a, b = (np.float32(part) for part in tool.along)
    depth = -(x * a + y * b)  # from the tip towards the channel
    near, end = tool.width
    half = np.float32(end) + depth * np.float32((near - end) / max(tool.length, 1.0))
    across = (y * a - x * b) / np.maximum(half, 1)
    inside = np.clip(across, -1, 1)
    body = np.float32(0.12) + np.float32(0.8) * np.sqrt(1 - inside * inside)
    coil = 1 + np.float32(0.12) * np.sin(depth * np.float32(6 / end) + 2 * inside)
    glint = np.float32(1.6) * np.exp(-(((across + 0.35) / 0.16) ** 2))
    jaws = np.float32(0.45) + np.float32(0.35) * np.sin(across * np.float32(2.2) + 1)
    return as_field(np.where(depth > 0, body * coil + glint, jaws) * np.float32(0.9))
