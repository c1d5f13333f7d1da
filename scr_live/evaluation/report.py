"""Everything an evaluation measured, as objects; its JSON is made of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from scr_live.engines import EngineInfo
from scr_live.evaluation.images import ImageResult
from scr_live.evaluation.summary import SetSummary
from scr_live.machine import machine_facts

CONVENTION: Final = (
    "dice, iou and sensitivity are means over images with a polyp, specificity over all images; where every "
    "image shows a polyp, as in Kvasir-SEG, these are the means that papers report. marked_negatives is the "
    "share of images without a polyp that have any mark."
)


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured, and with what."""

    model: str
    """As it was asked for."""
    model_sha256: str
    """Empty: the engine needs no model."""
    engine: EngineInfo
    split: str | None
    """None: all pictures."""
    threshold: float
    resamples: int
    """For the intervals; 0: there are none."""
    sets: tuple[SetSummary, ...]
    pooled: SetSummary
    """All pictures together; of a single set, its own."""
    results: Mapping[str, Sequence[ImageResult]]
    """By the name of the set, picture by picture."""

    @property
    def engine_text(self) -> str:
        """What computed, where and how exactly."""
        return f"{self.engine.backend} on {self.engine.device} in {self.engine.precision}"

    @property
    def title(self) -> str:
        """The facts in one line."""
        name = f"model {self.model}" if self.model_sha256 else "no model"
        split = f"split {self.split}" if self.split else "all pictures"
        return f"{name}, {self.engine_text}, threshold {self.threshold:g}, {split}"

    def as_dict(self) -> dict[str, object]:
        """For JSON: the facts, all pictures together, then set by set with the same keys."""
        return {
            "model": self.model,
            "model_sha256": self.model_sha256,
            "engine": self.engine_text,
            "engine_reason": self.engine.reason,
            "input_size": self.engine.input_size,
            "split": self.split,
            "threshold": self.threshold,
            "bootstrap": self.resamples,
            "convention": CONVENTION,
            "machine": machine_facts(),
            **self.pooled.as_dict(),
            "sets": [entry.as_dict() for entry in self.sets],
        }
