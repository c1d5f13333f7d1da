"""On which cores OpenVINO computes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scr_live.engines.opening import open_engine
from scr_live.engines.openvino import settings_for, shared_core
from scr_live.shipped import DEFAULT_MODEL, find_model

_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1

_INFER = """
import contextlib, os, threading
import numpy as np
from scr_live.engines.opening import open_engine
from scr_live.shipped import DEFAULT_MODEL, find_model
fewest, over = [], threading.Event()

def look():
    while not over.wait(0.002):
        with contextlib.suppress(ProcessLookupError):  # a thread that has just ended
            fewest.append(min(len(os.sched_getaffinity(int(one))) for one in os.listdir("/proc/self/task")))

with open_engine("openvino", find_model(DEFAULT_MODEL), threads=1) as engine:
    size = engine.info.input_size
    looking = threading.Thread(target=look)
    looking.start()
    while len(fewest) < 40:
        engine.infer(np.zeros((size, size, 3), np.uint8))
    over.set()
    looking.join()
print(min(fewest))
"""
"""Prints on how few cores a thread might run at a moment of an inference: OpenVINO binds them for as long."""


@pytest.mark.skipif(_CORES < 2, reason="on one core there is nothing to choose")
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="asks Linux for the cores of each thread")
def test_a_part_of_the_cores_is_not_the_same_part_for_every_engine():
    """Bound threads of several engines would all lie on the first cores."""
    told = subprocess.run(
        [sys.executable, "-c", _INFER], capture_output=True, text=True, timeout=50, check=True
    )
    assert int(told.stdout) == _CORES


@pytest.mark.parametrize("threads", [0, 1])
def test_the_number_of_threads_is_what_was_asked_for(threads):
    settings = settings_for("fp32", threads)
    compiled = shared_core().compile_model(str(find_model(DEFAULT_MODEL).path), "CPU", settings)
    found = compiled.get_property("INFERENCE_NUM_THREADS")
    assert found == threads if threads else found >= 1
    with open_engine("openvino", find_model(DEFAULT_MODEL), threads=threads) as engine:
        assert engine.info.backend == "openvino"
