"""Each fault of an engine, on a clock of its own."""

import subprocess
import sys
import time

import numpy as np
import pytest

from scr_live.engines.constant import ConstantEngine
from scr_live.errors import InferenceError
from scr_live.faults.engine import EXIT_CODE, ChaosEngine, injections_in, open_chaos_engine
from scr_live.faults.schedule import CALM_ENGINE, EngineFault, FaultSchedule
from scr_live.predictor import check_probability

IMAGE = np.zeros((64, 64, 3), np.uint8)


class Rig:
    """An engine with one kind of fault, and the time in one's hand."""

    def __init__(self, kind, **more):
        self.now_s = 0.0
        schedule = FaultSchedule(1, (kind,))
        self.fault = schedule.until(600.0)[0]
        self.engine = ChaosEngine(
            ConstantEngine(64, 0.9), schedule, clock=lambda: self.now_s, slow_s=0.001, **more
        )

    def before(self):
        self.now_s = 0.0
        return self.engine.infer(IMAGE)

    def within(self):
        self.now_s = self.fault.until_s - 1e-6
        return self.engine.infer(IMAGE)

    def after(self):
        self.now_s = self.fault.until_s
        return self.engine.infer(IMAGE)


def usable(answer):
    check_probability(answer, 64, frame_index=0)
    return answer.max() == np.float32(0.9)


@pytest.mark.parametrize("kind", CALM_ENGINE)
def test_it_works_before_and_after_every_fault(kind):
    rig = Rig(kind)
    assert usable(rig.before())
    try:
        rig.within()
    except InferenceError:
        assert kind is EngineFault.RAISE
    assert usable(rig.after())
    (injection,) = rig.engine.injected
    assert injection.kind is kind
    assert injection.at_s + injection.duration_s == pytest.approx(rig.fault.until_s)


@pytest.mark.parametrize(
    ("kind", "words"),
    [(EngineFault.NAN, "nan"), (EngineFault.SHAPE, r"\(63, 64\)"), (EngineFault.TYPE, "int32")],
)
def test_wrong_answers_are_wrong(kind, words):
    rig = Rig(kind)
    rig.before()
    with pytest.raises(InferenceError, match=words):
        check_probability(rig.within(), 64, frame_index=0)


def test_it_raises():
    rig = Rig(EngineFault.RAISE)
    with pytest.raises(InferenceError, match="on purpose"):
        rig.within()


def test_a_leak_grows_and_goes_with_the_engine():
    rig = Rig(EngineFault.LEAK)
    with rig.engine:
        for _ in range(3):
            assert usable(rig.within())
        assert sum(map(len, rig.engine._leaked)) == 3 << 20
    assert rig.engine._leaked == []


def test_a_hang_ends_when_the_engine_is_closed():
    rig = Rig(EngineFault.HANG)
    rig.now_s = rig.fault.at_s
    rig.engine.__exit__(None, None, None)
    with pytest.raises(InferenceError, match="closed"):
        rig.engine.infer(IMAGE)


def test_what_was_done_is_written_down(tmp_path):
    log = tmp_path / "log"
    rig = Rig(EngineFault.NAN, log=log)
    assert injections_in(log) == []
    rig.within()
    rig.within()
    assert injections_in(log) == rig.engine.injected
    assert len(rig.engine.injected) == 1


def test_an_exit_ends_its_process(tmp_path):
    log = tmp_path / "log"
    code = f"""
import time, numpy as np
from scr_live.faults.engine import open_chaos_engine
engine = open_chaos_engine(seed=1, began_at=time.time() - 1, kinds=["exit"], mean_interval_s=0.01,
                           longest_s=600.0, log={str(log)!r})
while True:
    engine.infer(np.zeros((64, 64, 3), np.uint8))
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=40, check=False).returncode == EXIT_CODE
    assert [one.kind for one in injections_in(log)] == [EngineFault.EXIT]


def test_it_is_opened_by_plain_values_and_goes_on_in_its_schedule():
    plain = {"seed": 4, "kinds": ["raise"], "mean_interval_s": 1.0, "longest_s": 600.0, "size": 32}
    fault = FaultSchedule(4, (EngineFault.RAISE,), mean_interval_s=1.0, longest_s=600.0).until(600.0)[0]
    now = time.time()
    with open_chaos_engine(began_at=now + 60, **plain) as early:
        assert early.infer(IMAGE[:32, :32]).shape == (32, 32)
    within = now - fault.at_s - fault.duration_s / 2
    with open_chaos_engine(began_at=within, **plain) as late, pytest.raises(InferenceError):
        late.infer(IMAGE[:32, :32])
