"""What a person may choose about the phantom, and how that is written on a command line."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import isfinite

from scr_live.errors import OptionError
from scr_live.phantom.counter import SMALLEST_HEIGHT_PX
from scr_live.phantom.scenarios import SCENARIOS

SMALLEST_SIDE_PX = 32
LARGEST_SIDE_PX = 4096


@dataclass(frozen=True, slots=True)
class PhantomOptions:
    """A flight through one synthetic colon; equal options give equal pixels on one machine."""

    width: int = 640
    height: int = 512
    fps: float = 25.0
    duration_s: float | None = 10.0
    """None: the flight never ends (the colon is a ring)."""
    seed: int = 0
    """Chooses anatomy, colours, camera path and noise."""
    is_live: bool = False
    """True: frames come at `fps` of real time, later if rendering takes longer; none is skipped."""
    polyps: int = 3
    """About this many come into view in ten seconds; 0: none."""
    scenario: str | None = None
    """What happens on the way, by its name in SCENARIOS."""
    has_patient_text: bool = False
    """True: the margins name a patient that does not exist."""
    has_counter: bool = False
    """True: each picture bears the number of its frame, for programs: see `counter.py`."""

    def __post_init__(self) -> None:
        for side, name in ((self.width, "width"), (self.height, "height")):
            if not SMALLEST_SIDE_PX <= side <= LARGEST_SIDE_PX:
                raise OptionError(
                    f"The phantom's {name} must lie between {SMALLEST_SIDE_PX} and {LARGEST_SIDE_PX} pixels, "
                    f"not {side}. Choose another size."
                )
        if not (isfinite(self.fps) and 0 < self.fps <= 1000):  # noqa: PLR2004 - far above any display
            raise OptionError(f"The phantom's fps must lie above 0 and not above 1000, not {self.fps}.")
        if self.duration_s is not None and not (isfinite(self.duration_s) and self.duration_s > 0):
            raise OptionError(
                f"The phantom's duration must be a number of seconds above 0, not {self.duration_s}. "
                "Use duration=endless for a flight without an end."
            )
        if not 0 <= self.polyps <= 10:  # noqa: PLR2004 - more would overlap on the wall
            raise OptionError(f"The phantom's polyps must lie between 0 and 10, not {self.polyps}.")
        if self.seed < 0:
            raise OptionError(f"The phantom's seed must be 0 or more, not {self.seed}.")
        if self.has_counter and self.height < SMALLEST_HEIGHT_PX:
            raise OptionError(
                f"The phantom's counter needs a height of at least {SMALLEST_HEIGHT_PX} pixels to be read, "
                f"not {self.height}. Choose a larger size, or leave counter=1 out."
            )
        if self.scenario is not None:
            self._check_scenario(self.scenario)

    def _check_scenario(self, name: str) -> None:
        if name not in SCENARIOS:
            raise OptionError(
                f"The phantom knows no scenario {name!r}. Choose one of: {', '.join(SCENARIOS)}."
            )
        if SCENARIOS[name].is_about_polyps and not self.polyps:
            raise OptionError(f"The phantom's scenario {name} needs polyps. Leave polyps=0 out.")

    @property
    def frame_count(self) -> int | None:
        """Number of frames, at least one; None if the flight never ends."""
        return None if self.duration_s is None else max(1, round(self.duration_s * self.fps))


def parse_phantom(spec: str) -> PhantomOptions:
    """Read `phantom` or `phantom:seed=3,polyps=0,size=640x512,duration=10,fps=25,live=1,scenario=pan,...`.

    Raises OptionError for an unknown key, a key given twice, or a value out of its range.
    """
    kind, _, rest = spec.strip().partition(":")
    if kind != "phantom":
        raise OptionError(f"A phantom source is written phantom or phantom:key=value,..., not {spec!r}.")
    options = PhantomOptions()
    seen: set[str] = set()
    for item in filter(None, (part.strip() for part in rest.split(","))):
        key, equals, value = (part.strip() for part in item.partition("="))
        if key not in _READERS or not equals:
            known = ", ".join(_READERS)
            raise OptionError(f"The phantom knows no option {item!r}. Write key=value with one of: {known}.")
        if key in seen:
            raise OptionError(f"The phantom's option {key} was given twice in {spec!r}. Give it once.")
        seen.add(key)
        options = _READERS[key](options, value)
    return options


def _number(key: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise OptionError(f"The phantom's {key} must be a number, not {value!r}.") from None


def _integer(key: str, value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise OptionError(f"The phantom's {key} must be a whole number, not {value!r}.") from None


def _size(options: PhantomOptions, value: str) -> PhantomOptions:
    width, x, height = value.lower().partition("x")
    if not x:
        raise OptionError(f"The phantom's size must look like 640x512, not {value!r}.")
    return replace(options, width=_integer("width", width), height=_integer("height", height))


def _duration(options: PhantomOptions, value: str) -> PhantomOptions:
    return replace(options, duration_s=None if value == "endless" else _number("duration", value))


def _switch(key: str, value: str) -> bool:
    choices = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if value.lower() not in choices:
        raise OptionError(f"The phantom's {key} must be 1 or 0, not {value!r}.")
    return choices[value.lower()]


def _margins(options: PhantomOptions, value: str) -> PhantomOptions:
    if value not in {"plain", "text"}:
        raise OptionError(f"The phantom's margins must be plain or text, not {value!r}.")
    return replace(options, has_patient_text=value == "text")


_READERS: dict[str, Callable[[PhantomOptions, str], PhantomOptions]] = {
    "seed": lambda options, value: replace(options, seed=_integer("seed", value)),
    "polyps": lambda options, value: replace(options, polyps=_integer("polyps", value)),
    "size": _size,
    "duration": _duration,
    "fps": lambda options, value: replace(options, fps=_number("fps", value)),
    "live": lambda options, value: replace(options, is_live=_switch("live", value)),
    "scenario": lambda options, value: replace(options, scenario=value),
    "margins": _margins,
    "counter": lambda options, value: replace(options, has_counter=_switch("counter", value)),
}
