"""Measure engines side by side: open what can run, play rounds, hold it against the machine's limits."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from scr_live.bench.combinations import Combination, open_combination
from scr_live.bench.config import BenchConfig
from scr_live.bench.limits import LimitProbes, floors
from scr_live.bench.load import LoadWatch
from scr_live.bench.memory import peak_growth_mb
from scr_live.bench.report import Report, Row
from scr_live.bench.rounds import Contestant, Plan, play
from scr_live.bench.subject import Subject
from scr_live.engines import Engine
from scr_live.errors import ScrLiveError
from scr_live.frames import Image
from scr_live.machine import machine_facts, processor_facts, usable_cores

_ROUNDS_WANTED = 20
_SHORTEST_TURN_S, _LONGEST_TURN_S = 0.03, 0.5
_SHARE_OF_TURNS = 0.4  # of a turn; the same again is in flight, the rest is what is not counted

Progress = Callable[[str, float], None]
"""What is being done, and what share of it is done."""


def measure_engines(
    config: BenchConfig,
    *,
    progress: Progress = lambda _what, _share: None,
    tell: Callable[[str], None] | None = None,
    opener: Callable[..., Engine] = open_combination,
) -> Report:
    """Measure all combinations of a checked config; one that cannot run is a row with its reason.

    tell: hears of what takes long, such as the build of a GPU engine. opener: opens a combination.
    """
    from scr_live.bench.pictures import pictures  # noqa: PLC0415 - imports cv2

    watch = LoadWatch()
    shown = pictures(*config.frame)
    with contextlib.ExitStack() as stack:
        field = _Field(config)
        for index, combination in enumerate(config.combinations):
            progress("opening", index / len(config.combinations))
            field.enter(stack, index, _subject(config, combination, shown, partial(opener, progress=tell)))
        limits = LimitProbes(config, {i: one.engine.info for i, one in field.subjects.items()})
        rounds = field.play(limits.probes, lambda share: progress("measuring", share))
        load, notes = watch.end()
        rows = field.rows
    rows = _with_memory(config, _with_floors(config, rows, limits, progress), progress)
    return Report(
        config,
        tuple(rows),
        rounds,
        limits.found,
        load,
        {**machine_facts(), **processor_facts()},
        tuple(notes) + limits.notes,
    )


class _Field:
    """Who takes part, by the place of its combination, and why the others do not."""

    def __init__(self, config: BenchConfig) -> None:
        self._config = config
        self.subjects: dict[int, Subject] = {}
        self._reasons: dict[int, str] = {}

    def enter(self, stack: contextlib.ExitStack, index: int, make: Callable[[], Subject]) -> None:
        """Open and warm up; what fails has its reason."""
        try:
            subject = stack.enter_context(make())
            subject.warm_up()
        except ScrLiveError as error:
            self._reasons[index] = str(error)
        else:
            self.subjects[index] = subject

    def play(self, probes: Sequence[Contestant], progress: Callable[[float], None]) -> int:
        """Play the rounds, and return how many; whoever fails in one has its reason, too."""
        config, places = self._config, list(self.subjects)
        if not places:
            return 0
        contestants = [*self.subjects.values(), *probes]
        played = play(contestants, Plan(config.seconds, config.rounds, config.seed), progress=progress)
        for place, reason in played.failures.items():
            if place < len(places):
                self._reasons[places[place]] = reason
        return played.rounds

    @property
    def rows(self) -> list[Row]:
        """One for each combination."""
        combinations = enumerate(self._config.combinations)
        return [_row(one, self.subjects.get(i), self._reasons.get(i, "")) for i, one in combinations]


def _subject(
    config: BenchConfig, combination: Combination, shown: Sequence[Image], opener: Callable[..., Engine]
) -> Callable[[], Subject]:
    def open_with(threads: int) -> Engine:
        return opener(combination, threads=threads)

    turns = len(config.combinations) * _ROUNDS_WANTED
    turn_s = min(max(_SHARE_OF_TURNS * config.seconds / turns, _SHORTEST_TURN_S), _LONGEST_TURN_S)
    return partial(
        Subject,
        open_with,
        shown,
        threads=config.threads,
        cores=config.threads or usable_cores(),
        turn_s=turn_s,
        with_throughput=config.has_throughput,
    )


def _row(combination: Combination, subject: Subject | None, reason: str) -> Row:
    if subject is None:
        return Row(combination, reason)
    return Row(
        combination,
        reason,
        info=subject.engine.info,
        samples=subject.samples,
        first_ms=subject.first_ms,
        in_flight=subject.in_flight,
    )


def _with_floors(config: BenchConfig, rows: list[Row], limits: LimitProbes, progress: Progress) -> list[Row]:
    if not config.has_floor:
        return rows
    return floors(rows, limits, progress=lambda share: progress("floors", share))


def _with_memory(config: BenchConfig, rows: list[Row], progress: Progress) -> list[Row]:
    if not config.has_memory:
        return rows
    found = []
    for index, row in enumerate(rows):
        progress("memory", index / len(rows))
        grown = peak_growth_mb(row.combination, threads=config.threads) if row.is_measured else None
        found.append(replace(row, memory_mb=grown))
    return found
