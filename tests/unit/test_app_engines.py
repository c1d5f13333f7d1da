"""How the engine of a run is opened, and those that may follow it."""

import pytest

from scr_live.app import engines
from scr_live.app.config import RunConfig
from scr_live.engines.constant import ConstantEngine
from scr_live.engines.isolated import OPENING_TIMEOUT_S, STEP_TIMEOUT_S
from scr_live.events import Journal


@pytest.fixture
def opened(monkeypatch):
    """What the engines were opened with, whether in a process of their own or in this one."""
    orders = []

    def opener(where):
        return lambda name, model, **options: orders.append((where, name, options)) or ConstantEngine()

    monkeypatch.setattr(engines, "open_isolated", opener("isolated"))
    monkeypatch.setattr(engines, "open_engine", opener("here"))
    return orders


def open_twice(**config):
    """The first engine, and the one that the ladder opens after it."""
    run = RunConfig("phantom", engine="constant", precision="fp32", threads=2, **config)
    _, ladder = engines.open_engines(run, None, is_live=True, journal=Journal())
    ladder()


def test_live_every_engine_has_a_process_of_its_own_and_the_first_the_most_patience(opened):
    open_twice(ai_timeout_s=3.0)
    assert [(where, name) for where, name, _ in opened] == [("isolated", "constant")] * 2
    assert [options["opening_timeout_s"] for *_, options in opened] == [STEP_TIMEOUT_S, OPENING_TIMEOUT_S]
    for *_, options in opened:
        assert (options["answer_timeout_s"], options["precision"], options["threads"]) == (3.0, "fp32", 2)


def test_an_engine_in_this_process_is_opened_with_the_same_choices(opened):
    open_twice(isolate=False)
    assert [(where, name) for where, name, _ in opened] == [("here", "constant")] * 2
    for *_, options in opened:
        assert sorted(options) == ["precision", "progress", "reason", "threads"]
        assert (options["precision"], options["threads"]) == ("fp32", 2)
