"""Measure exported files against PyTorch: probabilities on all pictures, Dice on those with masks."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from scr_live.card import ModelCard
from scr_live.convert.parity import Parity, compare
from scr_live.convert.pictures import Selection, synthetic
from scr_live.convert.runners import AlwaysOpen
from scr_live.engines import Engine, EngineInfo
from scr_live.evaluation.images import evaluate_pictures
from scr_live.evaluation.summary import summarize
from scr_live.frames import Mask
from scr_live.network.scr_net import ScrNet, Segmenter

Progress = Callable[[int, int], None]

REFERENCE: Final = "pytorch fp32"


@dataclass(frozen=True, slots=True)
class Answers:
    """What an engine answered on all pictures."""

    probabilities: list[Mask] = field(repr=False)
    dice: float | None


class Measure:
    """The pictures, and what PyTorch answers on them."""

    def __init__(
        self,
        network: ScrNet,
        card: ModelCard,
        *,
        verify: Selection | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._card = card
        self._verify = verify
        self._synthetic = synthetic(card.input_size)
        self._progress = progress
        self._reference = self._answers(_Reference(network, card))

    @property
    def synthetic(self) -> int:
        """How many pictures are compared on beside those of the set."""
        return len(self._synthetic)

    @property
    def reference_dice(self) -> float | None:
        """Dice of PyTorch in fp32; None without pictures with a polyp."""
        return self._reference.dice

    def parity(self, engine: Engine, *, with_set: bool = True) -> Parity:
        """How far this engine is from PyTorch; with_set: not on the synthetic pictures alone."""
        found = self._answers(engine, with_set=with_set)
        reference = self._reference.probabilities[: len(found.probabilities)]
        parity = compare(reference, found.probabilities)
        return replace(parity, dice=found.dice, reference_dice=self._reference.dice)

    def lowest_dice(self, engines: Iterable[Engine]) -> float:
        """Mean Dice over the pictures with a polyp, of the engine that does worst; each is closed.

        ValueError: no such pictures, or no engine.
        """
        found: list[float] = []
        for engine in engines:
            with engine:
                dice = self._answers(engine, with_synthetic=False).dice
            if dice is None:
                raise ValueError("Dice needs pictures with a polyp")
            found.append(dice)
        return min(found)

    def _answers(self, engine: Engine, *, with_synthetic: bool = True, with_set: bool = True) -> Answers:
        recorder = _Recorder(engine)
        for image in self._synthetic if with_synthetic else ():
            recorder.infer(image)
        if self._verify is None or not with_set:
            return Answers(recorder.answers, None)
        results = evaluate_pictures(
            recorder, self._verify.entries, threshold=self._card.threshold, progress=self._progress
        )
        dice = summarize(self._verify.name, results, resamples=0).estimates["dice"]
        return Answers(recorder.answers, None if dice is None else dice.value)


class _Recorder(AlwaysOpen):
    """An engine that keeps what it answers, in the order it was asked."""

    def __init__(self, engine: Engine) -> None:
        self.info = engine.info
        self.answers: list[Mask] = []
        self._engine = engine

    def infer(self, image: NDArray[np.uint8]) -> Mask:
        self.answers.append(self._engine.infer(image))
        return self.answers[-1]


class _Reference(AlwaysOpen):
    """PyTorch, on the CPU in float32: what everything is compared with."""

    def __init__(self, network: ScrNet, card: ModelCard) -> None:
        self.info = EngineInfo("pytorch", "CPU", "fp32", card.input_size)
        self._segmenter = Segmenter(network).eval()

    def infer(self, image: NDArray[np.uint8]) -> Mask:
        with torch.inference_mode():
            answer: Mask = self._segmenter(torch.tensor(image[None]))[0].numpy()
        return answer
