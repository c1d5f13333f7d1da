"""A combination that runs: one request after another, each part timed, and several in flight."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from scr_live.content import FieldFinder
from scr_live.engines import Engine
from scr_live.frames import Image
from scr_live.geometry import Placement, polyps_from_probability
from scr_live.predictor import check_probability

FEWEST, MOST = 3, 200
"""Requests of a turn."""
WARM_UPS: Final = 5
"""Before the first round; what the first requests build or page in is told apart."""
PAYS: Final = 1.05
"""One more in flight has to bring so much."""

Opener = Callable[[int], Engine]
"""How many threads it may use -> an engine of its own."""


@dataclass(slots=True)
class Samples:
    """What was measured of one combination; milliseconds, one list a round."""

    prepare: list[list[float]] = field(default_factory=list)
    """Find the field, cut it out, resize it."""
    infer: list[list[float]] = field(default_factory=list)
    """`Engine.infer`: the picture in, its probability out."""
    finish: list[list[float]] = field(default_factory=list)
    """Check the answer, and find the contours."""
    whole: list[list[float]] = field(default_factory=list)
    """All three: from the picture to the contours."""
    rate: list[float] = field(default_factory=list)
    """Answers a second of as many in flight as pay; none: not measured."""


class Subject:
    """One open engine, and more of them where throughput is measured; a contestant of `rounds.play`.

    pictures: frames, shown in turn. threads: of one engine. cores: what engines in flight share. turn_s: how
    long its requests of a round should take, those in flight the same again.
    """

    def __init__(  # noqa: PLR0913 - a way to open it, and how it is measured
        self,
        opener: Opener,
        pictures: Sequence[Image],
        *,
        threads: int,
        cores: int,
        turn_s: float,
        with_throughput: bool = True,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._opener = opener
        self._pictures = pictures
        self._threads = threads
        self._cores = cores
        self._turn_s = turn_s
        self._with_throughput = with_throughput
        self._clock = clock
        self._finder = FieldFinder()
        self._shown = 0
        self._requests = FEWEST
        self._stack = ExitStack()
        self._fleet: list[Engine] = []
        self._pool: ThreadPoolExecutor | None = None
        self.samples = Samples()
        self.first_ms = 0.0
        """The very first request."""
        self._berth = ExitStack()
        self.engine = self._stack.enter_context(opener(threads))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def warm_up(self) -> None:
        """Take the first requests, learn how many make a turn, and how many in flight pay."""
        began_at = self._clock()
        self._request()
        self.first_ms = 1000 * (self._clock() - began_at)
        taken = [sum(self._request()) for _ in range(WARM_UPS)]
        usual_s = max(sorted(taken)[len(taken) // 2] / 1000, 1e-6)
        self._requests = min(max(round(self._turn_s / usual_s), FEWEST), MOST)
        if self._with_throughput:
            self._choose_fleet()

    def turn(self) -> None:
        """One request that is not counted, since others were here in between; then those that are."""
        self._request()
        parts = [self._request() for _ in range(self._requests)]
        prepare, infer, finish = (list(part) for part in zip(*parts, strict=True))
        rate = self._rate(self._fleet, self._requests) if self._with_throughput else None
        samples = self.samples  # nothing of a round is kept unless all of it is
        samples.prepare.append(prepare)
        samples.infer.append(infer)
        samples.finish.append(finish)
        samples.whole.append([sum(part) for part in parts])
        if rate is not None:
            samples.rate.append(rate)

    @property
    def in_flight(self) -> int:
        """How many engines at once pay."""
        return len(self._fleet) or 1

    def _request(self) -> tuple[float, float, float]:
        """One picture to its contours: milliseconds of prepare, infer, finish."""
        image = self._pictures[self._shown % len(self._pictures)]
        self._shown += 1
        began_at = self._clock()
        placement = Placement(self._finder.update(image), self.engine.info.input_size)
        network_input = placement.to_network(image)
        prepared_at = self._clock()
        probability = self.engine.infer(network_input)
        answered_at = self._clock()
        check_probability(probability, placement.size, frame_index=self._shown)
        polyps_from_probability(probability, placement, threshold=0.5)
        ended_at = self._clock()
        return (
            1000 * (prepared_at - began_at),
            1000 * (answered_at - prepared_at),
            1000 * (ended_at - answered_at),
        )

    def _choose_fleet(self) -> None:
        """Twice as many engines, each with half the threads, as long as that pays."""
        self._fleet, best_rate = [self.engine], self._rate([self.engine], self._requests)
        while 2 * len(self._fleet) <= self._cores:
            count = 2 * len(self._fleet)
            berth = self._stack.enter_context(ExitStack())
            fleet = [berth.enter_context(self._opener(max(1, self._cores // count))) for _ in range(count)]
            self._rate(fleet, FEWEST)  # their first requests
            rate = self._rate(fleet, self._requests)
            if rate < PAYS * best_rate:
                berth.close()
                break
            self._berth.close()
            self._berth, self._fleet, best_rate = berth, fleet, rate

    def _rate(self, fleet: Sequence[Engine], requests: int) -> float:
        """Answers a second of these engines at once, each in a thread; the inputs are prepared before."""
        inputs = [self._prepared(image) for image in self._pictures]
        if len(fleet) > 1 and self._pool is None:
            self._pool = self._stack.enter_context(ThreadPoolExecutor(self._cores, "in-flight"))

        def answer(engine: Engine) -> None:
            for index in range(requests):
                engine.infer(inputs[index % len(inputs)])

        began_at = self._clock()
        if len(fleet) == 1 or self._pool is None:
            answer(fleet[0])
        else:
            list(self._pool.map(answer, fleet))
        return len(fleet) * requests / max(self._clock() - began_at, 1e-9)

    def _prepared(self, image: Image) -> NDArray[np.uint8]:
        return Placement(self._finder.update(image), self.engine.info.input_size).to_network(image)
