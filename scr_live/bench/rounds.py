"""Interleaved rounds: everybody has a turn in each, in an order that is shuffled anew.

A machine gets slower and faster for reasons of its own: clocks, heat, neighbours. Whoever is measured one
after the other is compared with the machine's mood; in rounds all meet the same one.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from scr_live.errors import ScrLiveError

FEWEST_ROUNDS: Final = 2
"""Even if the time is up."""
MOST_ROUNDS: Final = 10_000


class Contestant(Protocol):
    """What has a turn in each round."""

    def turn(self) -> None:
        """Take the samples of one round and keep them. ScrLiveError: it works no more, and is left out."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """How long it goes on: for `rounds`, or, if that is None, for as many as fit into `seconds`."""

    seconds: float
    rounds: int | None = None
    seed: int = 0


@dataclass(slots=True)
class Played:
    """What happened."""

    rounds: int = 0
    orders: list[list[int]] = field(default_factory=list)
    """Whose turn it was, round by round."""
    failures: dict[int, str] = field(default_factory=dict)
    """Who had to leave, and why."""


def play(
    contestants: Sequence[Contestant],
    plan: Plan,
    *,
    clock: Callable[[], float] = time.perf_counter,
    progress: Callable[[float], None] = lambda _: None,
) -> Played:
    """Play rounds until the plan is fulfilled; `progress` hears of the share that is done.

    A round is begun only if it is likely to end in time, by the longest so far, and always ended.
    """
    order_of = random.Random(plan.seed)  # noqa: S311 - an order, not a secret
    played = Played()
    began_at = clock()
    longest_s = 0.0
    while _goes_on(played, plan, clock() - began_at, longest_s):
        left = [index for index in range(len(contestants)) if index not in played.failures]
        if not left:
            break
        order_of.shuffle(left)
        round_at = clock()
        for index in left:
            try:
                contestants[index].turn()
            except ScrLiveError as error:
                played.failures[index] = str(error)
        longest_s = max(longest_s, clock() - round_at)
        played.orders.append(left)
        played.rounds += 1
        progress(_share(played, plan, clock() - began_at))
    return played


def _goes_on(played: Played, plan: Plan, spent_s: float, longest_s: float) -> bool:
    if plan.rounds is not None:
        return played.rounds < plan.rounds
    if played.rounds < FEWEST_ROUNDS:
        return True
    return spent_s + longest_s <= plan.seconds and played.rounds < MOST_ROUNDS


def _share(played: Played, plan: Plan, spent_s: float) -> float:
    return played.rounds / plan.rounds if plan.rounds else min(1.0, spent_s / plan.seconds)
