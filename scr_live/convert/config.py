"""What `scr-live export` can be told, and how its lists are read. Needs no torch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from scr_live.errors import OptionError

PRECISIONS: Final = ("fp32", "fp16", "int8")
FORMS: Final = ("native", "plugin")
ENGINES: Final = ("tensorrt", "tensorrt-rtx")

FORM_OF: Final = {"tensorrt": "plugin", "tensorrt-rtx": "native"}
"""Which form an engine is built from: TensorRT-RTX has no usable plugins."""

MOST_BATCH: Final = 64


@dataclass(frozen=True, slots=True)
class ExportConfig:
    """Everything `scr-live export` can be told."""

    ckpt: Path
    out: Path | None = None
    """None: export/NAME under the working directory."""
    precisions: tuple[str, ...] = ("fp32", "fp16")
    forms: tuple[str, ...] = FORMS
    engines: tuple[str, ...] = ()
    size: int | None = None
    """None: the card's."""
    batch: int = 1
    """0: open."""
    calibration: Path | None = None
    verify: Path | None = None
    count: int = 100
    """Most pictures taken of `calibration`, and of `verify`."""
    threads: int = 0

    def check(self) -> None:
        """Raise OptionError for values that are wrong or contradict each other."""
        if not 0 <= self.batch <= MOST_BATCH:
            raise OptionError(f"--batch must be from 0 (any) to {MOST_BATCH}; found {self.batch}.")
        if self.count < 1:
            raise OptionError(f"--count must be at least 1; found {self.count}.")
        if "int8" in self.precisions and self.calibration is None:
            raise OptionError(
                "int8 needs pictures to measure the range of every layer on: name an image set with "
                "--calibration, best that of the training, or leave int8 out of --precision."
            )
        if self.calibration is not None and "int8" not in self.precisions:
            raise OptionError(
                "--calibration is of use for int8 alone. Add int8 to --precision, or leave it out."
            )
        for engine in self.engines:
            if FORM_OF[engine] == "plugin" and "plugin" not in self.forms:
                raise OptionError(
                    f"--engine {engine} is built from the plugin form, and --form has only "
                    f"{', '.join(self.forms)}. Add plugin to --form."
                )

    def without_plugin(self) -> "ExportConfig":
        """The same for a network without SCM: it has no warp to be replaced."""
        return replace(self, forms=("native",))

    def form_of(self, engine: str) -> str:
        """The form that an engine is built from."""
        return FORM_OF[engine] if FORM_OF[engine] in self.forms else "native"


def choices(option: str, text: str, allowed: Sequence[str]) -> tuple[str, ...]:
    """Read a list such as `fp32,fp16`, in the order of `allowed`. OptionError: a name not allowed."""
    names = [name.strip() for name in text.split(",")]
    if unknown := [name for name in names if name not in allowed]:
        raise OptionError(
            f"{option} takes one or more of {', '.join(allowed)}, separated by commas; found {unknown[0]!r}."
        )
    return tuple(name for name in allowed if name in names)


def engine_choices(text: str) -> tuple[str, ...]:
    """Read the list of --engine; `none` alone means none."""
    if other := {"openvino", "onnxruntime"} & {name.strip() for name in text.split(",")}:
        raise OptionError(
            f"--engine {min(other)} has nothing to build: it runs the ONNX files as they are. Leave it out; "
            f"expected {', '.join(ENGINES)} or none."
        )
    return () if text.strip() == "none" else choices("--engine", text, ENGINES)
