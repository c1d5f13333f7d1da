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
    combinations = config.combinations
    with contextlib.ExitStack() as stack:
        shown = pictures(*config.frame)
        subjects: dict[int, Subject] = {}
        reasons: dict[int, str] = {}
        for index, combination in enumerate(combinations):
            progress("opening", index / len(combinations))
            try:
                subject = _open(config, combination, shown, partial(opener, progress=tell))
                subjects[index] = stack.enter_context(subject)
                subject.warm_up()
            except ScrLiveError as error:
                reasons[index] = str(error)
                subjects.pop(index, None)
        limits = LimitProbes(config, {i: one.engine.info for i, one in subjects.items()})
        contestants: list[Contestant] = [*subjects.values(), *limits.probes]
        played = play(
            contestants,
            Plan(config.seconds, config.rounds, config.seed),
            progress=lambda share: progress("measuring", share),
        )
        for place, reason in played.failures.items():
            if place < len(subjects):
                reasons[list(subjects)[place]] = reason
        load, notes = watch.end()
        rows = [_row(one, subjects.get(i), reasons.get(i, "")) for i, one in enumerate(combinations)]
    rows = _with_floors(config, rows, limits, progress)
    rows = _with_memory(config, rows, progress)
    return Report(
        config,
        tuple(rows),
        played.rounds,
        limits.found,
        load,
        {**machine_facts(), **processor_facts()},
        tuple(notes) + limits.notes,
    )


def _open(
    config: BenchConfig, combination: Combination, shown: Sequence[Image], opener: Callable[..., Engine]
) -> Subject:
    def open_with(threads: int) -> Engine:
        return opener(combination, threads=threads)

    turns = len(config.combinations) * _ROUNDS_WANTED
    turn_s = min(max(_SHARE_OF_TURNS * config.seconds / turns, _SHORTEST_TURN_S), _LONGEST_TURN_S)
    return Subject(
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
