"""What a viewer may change about a run: read from a request, and once more where it is carried out."""

from collections.abc import Mapping
from typing import Final

from scr_live.controls import LONGEST_ALERT_AFTER_S

NUMBERS: Final = {"threshold": (0.01, 0.99), "alert_after_s": (0.0, LONGEST_ALERT_AFTER_S)}
"""From and to; 0 and 1 would mark everything and nothing."""
SWITCHES: Final = ("overlay", "recording")
DEEDS: Final = ("snapshot", "withdrawal")

SCHEMA: Final[dict[str, object]] = {
    "type": "object",
    "additionalProperties": False,
    "minProperties": 1,
    "properties": {
        "overlay": {"type": "boolean", "description": "Whether marks are drawn."},
        **{
            name: {"type": "number", "minimum": low, "maximum": high} for name, (low, high) in NUMBERS.items()
        },
        "recording": {
            "type": "boolean",
            "description": "Start a recording, or end the one that is on; the run's own options say where.",
        },
        "snapshot": {"const": True, "description": "Save the picture on the machine of the run."},
        "withdrawal": {"const": True, "description": "Begin the clock of the withdrawal, or end it."},
    },
}
"""The same for programs."""


def checked(body: object) -> dict[str, float | bool]:
    """Return the changes as they are meant. ValueError: a sentence that says what is wrong with them."""
    known = (*SWITCHES, *NUMBERS, *DEEDS)
    if not isinstance(body, Mapping) or not body:
        raise ValueError(f"Send a JSON object with one or more of: {', '.join(known)}.")
    changes: dict[str, float | bool] = {}
    for name, value in body.items():
        if name in NUMBERS:
            changes[name] = _number(name, value)
        elif name in SWITCHES:
            if not isinstance(value, bool):
                raise ValueError(f"{name} must be true or false; found {_shown(value)}.")
            changes[name] = value
        elif name in DEEDS:
            if value is not True:
                raise ValueError(f"{name} can only be true; found {_shown(value)}. Leave it out otherwise.")
            changes[name] = value
        else:
            raise ValueError(f"{_shown(name)} cannot be changed. Known are: {', '.join(known)}.")
    return changes


def _number(name: str, value: object) -> float:
    low, high = NUMBERS[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"{name} must be a number from {low:g} to {high:g}; found {_shown(value)}.")
    return float(value)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."  # noqa: PLR2004 - as much as a sentence bears
