"""Everybody has a turn in each round, in an order that is shuffled anew and that the seed decides."""

from bench_fakes import Clock

from scr_live.bench.rounds import FEWEST_ROUNDS, Plan, play
from scr_live.errors import InferenceError


class Player:
    def __init__(self, name, log, clock, *, takes_s=1.0, fails_in=None):
        self.name, self.log, self.clock, self.takes_s, self.fails_in = name, log, clock, takes_s, fails_in
        self.turns = 0

    def turn(self):
        self.turns += 1
        if self.turns == self.fails_in:
            raise InferenceError(f"{self.name} broke.")
        self.log.append(self.name)
        self.clock.now += self.takes_s


def players(names, **options):
    log, clock = [], Clock()
    return [Player(name, log, clock, **options) for name in names], log, clock


def test_each_round_sees_everybody_once():
    field, log, clock = players("abcd")
    played = play(field, Plan(1e9, rounds=20), clock=clock)
    turns = [sorted(log[4 * index : 4 * index + 4]) for index in range(20)]
    assert turns == [list("abcd")] * 20
    assert played.rounds == 20


def test_the_order_changes_and_the_seed_decides_it():
    def order(seed):
        field, log, clock = players("abcd")
        play(field, Plan(1e9, rounds=20, seed=seed), clock=clock)
        return log

    assert order(1) == order(1) != order(2)
    rounds = {tuple(order(1)[4 * index : 4 * index + 4]) for index in range(20)}
    assert len(rounds) > 5


def test_no_round_is_begun_that_would_not_end_in_time():
    field, _, clock = players("ab")  # two seconds a round
    assert play(field, Plan(9.0), clock=clock).rounds == 4


def test_a_few_rounds_are_played_even_if_the_time_is_up():
    field, _, clock = players("ab", takes_s=100.0)
    assert play(field, Plan(1.0), clock=clock).rounds == FEWEST_ROUNDS


def test_who_fails_leaves_and_the_others_go_on():
    log, clock = [], Clock()
    field = [Player("a", log, clock), Player("b", log, clock, fails_in=2)]
    played = play(field, Plan(1e9, rounds=5), clock=clock)
    assert played.failures == {1: "b broke."}
    assert (log.count("a"), log.count("b")) == (5, 1)
    assert played.orders[2:] == [[0]] * 3


def test_nobody_left_is_the_end():
    log, clock = [], Clock()
    played = play([Player("a", log, clock, fails_in=1)], Plan(1e9, rounds=5), clock=clock)
    assert (played.rounds, log) == (1, [])


def test_progress_ends_at_all_of_it():
    heard = []
    field, _, clock = players("a")
    play(field, Plan(1e9, rounds=4), clock=clock, progress=heard.append)
    assert heard == [0.25, 0.5, 0.75, 1.0]
