"""Which engine follows one that fails, and what is told of it."""

from dataclasses import replace

import pytest

from scr_live.engines import EngineInfo
from scr_live.engines.constant import ConstantEngine
from scr_live.engines.ladder import ANSWERS_TO_TRUST, EngineLadder, Rung, rungs_from
from scr_live.engines.opening import open_engine
from scr_live.errors import (
    EngineUnavailableError,
    InferenceError,
    ModelError,
    ModelNotFoundError,
    OutputUnwritableError,
)
from scr_live.events import EventKind, Journal

TENSORRT = EngineInfo("tensorrt", "Test GPU", "fp16", 64, reason="the fastest on this Test GPU")
BF16 = EngineInfo("openvino", "CPU", "bf16", 64)
FP32 = EngineInfo("openvino", "CPU", "fp32", 64)
INT8 = EngineInfo("openvino", "CPU", "int8", 64)
ON_CUDA = EngineInfo("onnxruntime", "CUDA", "fp16", 64)
ON_CPU = EngineInfo("onnxruntime", "CPU", "fp32", 64)
TORCH = EngineInfo("pytorch", "CPU", "fp32", 64)
CONSTANT = ConstantEngine().info
BROKEN = InferenceError("the device is gone. Look for it.")


@pytest.mark.parametrize(
    ("info", "precision", "lower"),
    [
        (
            TENSORRT,
            "auto",
            [
                "tensorrt-rtx auto",
                "onnxruntime on CUDA auto",
                "openvino auto",
                "openvino fp32",
                "onnxruntime on CPU auto",
            ],
        ),
        (ON_CUDA, "auto", ["openvino auto", "openvino fp32", "onnxruntime on CPU auto"]),
        (ON_CUDA, "fp32", ["openvino fp32", "onnxruntime on CPU fp32"]),
        (BF16, "auto", ["openvino fp32", "onnxruntime on CPU auto"]),
        (FP32, "auto", ["onnxruntime on CPU auto"]),
        (FP32, "fp32", ["onnxruntime on CPU fp32"]),
        (INT8, "int8", ["openvino fp32", "onnxruntime on CPU int8"]),
        (ON_CPU, "auto", ["openvino auto", "openvino fp32"]),
        (TORCH, "auto", []),
        (CONSTANT, "auto", []),
    ],
)
def test_lower_engines_go_from_the_gpu_to_the_cpu_in_the_precision_that_was_asked_for(info, precision, lower):
    first, *others = rungs_from(info, precision=precision)
    assert first.precision == precision
    assert first.reason == info.reason
    assert [f"{rung.engine} {rung.precision}" for rung in others] == lower


@pytest.mark.parametrize("info", [TENSORRT, ON_CUDA, BF16, ON_CPU, TORCH, CONSTANT])
def test_every_rung_has_a_name_that_opening_knows(info):
    for rung in rungs_from(info, precision="auto"):
        try:
            open_engine(rung.engine, None)
        except (EngineUnavailableError, ModelNotFoundError, ValueError) as error:
            assert "Unknown engine" not in str(error)  # noqa: PT017 - that it fails otherwise is all the same


class Bench:
    """Engines by rung, each of its own kind, that are opened as they come or fail to be."""

    def __init__(self, rungs=4, **options):
        self.now = 0.0
        self.opened = []
        self.fails = {}
        self.journal = Journal()
        names = [f"engine{at}" for at in range(rungs)]
        self.ladder = EngineLadder(
            self._open,
            kind(names[0]),
            rungs=[Rung(name, "auto", f"reason of {name}") for name in names],
            journal=self.journal,
            clock=lambda: self.now,
            **options,
        )

    def fail_and_reopen(self, times=1):
        """What the inference stage does with an engine that is opened and does not answer."""
        for _ in range(times):
            self.ladder.failed(BROKEN)
            self.reopen()
        return self.ladder.info.backend

    def answer(self, times):
        for _ in range(times):
            self.ladder.succeeded()

    def reopen(self):
        try:
            return self.ladder()
        except (EngineUnavailableError, ModelError) as error:
            self.ladder.failed(error)
            return None

    def told(self, kind):
        return [event for event in self.journal.events if event.kind is kind]

    def _open(self, rung, *, leash):
        self.opened.append(rung.engine)
        if rung.engine in self.fails:
            raise self.fails[rung.engine]
        engine = ConstantEngine()
        engine._info = replace(engine.info, backend=rung.engine, reason=rung.reason)
        return engine


def kind(name):
    return replace(CONSTANT, backend=name)


def test_the_same_engine_is_opened_until_it_has_failed_three_times_in_a_row():
    bench = Bench()
    assert bench.fail_and_reopen(2) == "engine0"
    bench.answer(ANSWERS_TO_TRUST)
    assert bench.fail_and_reopen(2) == "engine0"
    assert bench.fail_and_reopen(1) == "engine1"
    assert bench.fail_and_reopen(2) == "engine1"
    assert bench.fail_and_reopen(1) == "engine2"
    assert len(bench.told(EventKind.ENGINE_CHANGED)) == 2


def test_an_engine_that_answers_a_little_between_its_failures_has_to_go():
    bench = Bench()
    for _ in range(2):
        assert bench.fail_and_reopen() == "engine0"
        bench.answer(ANSWERS_TO_TRUST - 1)
    assert bench.fail_and_reopen() == "engine1"


def test_an_engine_that_cannot_be_opened_counts_as_one_that_fails():
    bench = Bench()
    bench.fails["engine0"] = EngineUnavailableError("no device")
    bench.ladder.failed(BROKEN)
    assert [bench.reopen() for _ in range(2)] == [None, None]
    assert bench.reopen().info.backend == "engine1"
    assert bench.opened == ["engine0", "engine0", "engine1"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OutputUnwritableError("the disk is full."), "engine1 could not be opened: the disk is full"),
        (MemoryError("no room"), "engine1 could not be opened: MemoryError: no room"),
    ],
)
def test_an_error_of_any_other_kind_is_a_failure_to_open_too(error, words):
    bench = Bench(3)
    bench.fails["engine1"] = error
    assert bench.fail_and_reopen(3) == "engine2"
    assert words in bench.ladder.info.reason


def test_lower_engines_that_cannot_work_here_are_passed_over_and_told():
    bench = Bench()
    bench.fails["engine1"] = EngineUnavailableError("its package is missing. Install it.")
    bench.fails["engine2"] = ModelNotFoundError("there is no such file")
    assert bench.fail_and_reopen(3) == "engine3"
    assert bench.ladder.info.reason == (
        "engine0 on none in fp32 failed: the device is gone; engine1 skipped: its package is missing; "
        "engine2 skipped: there is no such file"
    )
    assert bench.fail_and_reopen(9) == "engine3"
    assert bench.opened.count("engine1") == bench.opened.count("engine2") == 1


def test_a_lower_engine_that_should_work_and_does_not_gets_its_three_attempts():
    bench = Bench()
    bench.fails["engine1"] = ModelError("cannot be loaded")
    bench.fail_and_reopen(3)
    assert [bench.reopen() for _ in range(2)] == [None, None]
    assert bench.reopen().info.backend == "engine2"
    assert bench.opened.count("engine1") == 3


def test_without_a_lower_engine_that_works_the_present_one_is_tried_on():
    bench = Bench(3)
    bench.fails = dict.fromkeys(["engine1", "engine2"], EngineUnavailableError("missing"))
    assert bench.fail_and_reopen(20) == "engine0"
    assert bench.opened.count("engine1") == bench.opened.count("engine2") == 1


def test_the_lowest_stays_and_after_a_long_while_of_failures_the_first_is_tried_again():
    bench = Bench(2, start_over_s=600.0)
    assert bench.fail_and_reopen(30) == "engine1"
    bench.now += 599.0
    assert bench.fail_and_reopen(3) == "engine1"
    bench.now += 1.0
    assert bench.fail_and_reopen(3) == "engine0"
    assert bench.ladder.info.reason == "reason of engine0"
    assert bench.fail_and_reopen(3) == "engine1"
    bench.now += 599.0
    assert bench.fail_and_reopen(30) == "engine1"


@pytest.mark.parametrize("lowest", [0, 1])
def test_what_was_passed_over_is_tried_again_after_a_long_while(lowest):
    """Its cause may have passed: a lack of memory, a program that held the device."""
    bench = Bench(lowest + 2, start_over_s=600.0)
    last = f"engine{lowest + 1}"
    bench.fails[last] = EngineUnavailableError("no process can be started")
    assert bench.fail_and_reopen(30) == f"engine{lowest}"
    bench.now += 599.0
    bench.fail_and_reopen(30)
    assert bench.opened.count(last) == 1
    bench.fails = {"engine0": EngineUnavailableError("away")} if lowest else {}
    bench.now += 1.0
    assert bench.fail_and_reopen(3) == last


def test_a_lowest_engine_that_works_is_left_in_peace():
    bench = Bench(2, start_over_s=600.0)
    bench.fail_and_reopen(3)
    bench.answer(ANSWERS_TO_TRUST)
    bench.now += 10_000.0
    assert bench.fail_and_reopen(2) == "engine1"


def test_the_first_is_not_tried_again_and_again_if_it_is_still_away():
    bench = Bench(2, start_over_s=600.0)
    bench.fail_and_reopen(3)
    bench.fails["engine0"] = EngineUnavailableError("still away")
    bench.now += 600.0
    assert bench.fail_and_reopen(30) == "engine1"
    assert bench.opened.count("engine0") == 3
    bench.fails.clear()
    bench.now += 600.0
    assert bench.fail_and_reopen(3) == "engine0"


def test_every_failure_the_change_and_the_return_are_told():
    bench = Bench(2)
    for second in range(3):
        bench.ladder.failed(BROKEN, stream_s=float(second))
    bench.ladder()
    bench.ladder.succeeded(stream_s=4.0)
    bench.ladder.succeeded(stream_s=5.0)
    failed = bench.told(EventKind.AI_FAILED)
    assert [event.stream_s for event in failed] == [0.0, 1.0, 2.0]
    assert failed[0].facts == {"engine": "engine0 on none in fp32", "cause": str(BROKEN)}
    (changed,) = bench.told(EventKind.ENGINE_CHANGED)
    assert changed.facts == {
        "engine": "engine1 on none in fp32",
        "before": "engine0 on none in fp32",
        "cause": str(BROKEN),
    }
    (back,) = bench.told(EventKind.AI_BACK)
    assert (back.stream_s, dict(back.facts)) == (4.0, {"engine": "engine1 on none in fp32", "failures": 3})


def test_an_engine_that_cannot_be_opened_is_told_by_its_name():
    bench = Bench(2)
    bench.fails["engine1"] = ModelError("cannot be loaded")
    bench.fail_and_reopen(3)
    assert bench.told(EventKind.AI_FAILED)[-1].facts["engine"] == "engine1"


def test_a_run_that_ends_with_another_engine_says_so_once():
    bench = Bench(2)
    bench.fail_and_reopen(2)
    assert bench.ladder.notes() == []
    bench.fail_and_reopen(1)
    (note,) = bench.ladder.notes()
    assert note == (
        "The engine failed and was replaced: the run began with engine0 on none in fp32 and ended with "
        "engine1 on none in fp32 (engine0 on none in fp32 failed: the device is gone)."
    )


def test_what_was_opened_or_is_being_opened_can_be_abandoned():
    abandoned = []

    class Opening:
        def abandon(self):
            abandoned.append(self)

    opening = Opening()

    def open_rung(rung, *, leash):
        leash.hold(opening)
        ladder.abandon()  # another thread, while it is opened
        raise EngineUnavailableError("abandoned")

    ladder = EngineLadder(open_rung, TENSORRT, rungs=rungs_from(TENSORRT, precision="auto"))
    for _ in range(3):
        ladder.failed(BROKEN)
    with pytest.raises(EngineUnavailableError, match="abandoned"):
        ladder()
    assert abandoned == [opening]  # and none of the lower ones was begun
