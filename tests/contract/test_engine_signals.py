"""A signal, such as Ctrl-C, finds a process that can receive it, whatever engines were opened before."""

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_models import write_model

import scr_live

ROOT = Path(scr_live.__file__).parents[1]

OPEN_TWO_CLOSE_BOTH = """
import gc, signal
from pathlib import Path
from scr_live.engines.opening import open_engine
from scr_live.shipped import read_model

model = read_model(Path({model!r}))
signal.signal(signal.SIGUSR1, lambda *_: print("received", flush=True))
first, second = (open_engine({engine!r}, model) for _ in range(2))
with first:
    pass
del first
with second:
    pass
del second
gc.collect()
signal.raise_signal(signal.SIGUSR1)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="this system has no such signals")
@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_a_signal_is_received_after_two_engines_were_closed_in_the_order_they_were_opened(engine, tmp_path):
    if importlib.util.find_spec(engine) is None:
        pytest.skip(f"{engine} is not installed")
    code = OPEN_TWO_CLOSE_BOTH.format(model=str(write_model(tmp_path)), engine=engine)
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert (done.returncode, done.stdout) == (0, "received\n"), done.stderr
