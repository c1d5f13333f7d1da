"""The kernel's source built by g++ and called by ctypes, and the cases that all its tests share."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from scr_live.convert.semantic_warp import PTX, launch

SOURCE = Path(__file__).with_name("host.cpp")
CUDA_HEADERS = Path("/usr/local/cuda/include")
OPTIONS = ("-std=c++17", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas")

PRECISIONS = {"fp32": np.float32, "fp16": np.float16}

LEVELS = [
    (48, 22, 22),  # lite0 at 352
    (48, 44, 44),
    (48, 88, 88),
    (128, 28, 28),  # plain at 224
    (64, 56, 56),
    (32, 112, 112),
    (16, 224, 224),
]
"""(channels, height, width) of the SCMs of both networks; plain at 448 has twice these sizes."""

ODD = [(1, 1, 1), (3, 1, 7), (5, 7, 1), (4, 2, 2), (6, 11, 11), (7, 13, 12), (9, 12, 13), (2, 31, 257)]


def compiler():
    """g++ on the path, or a skip that says that it is missing."""
    found = shutil.which("g++")
    if found is None:
        pytest.skip("needs g++, which compiles the kernel's source for the CPU")
    return found


def build(folder, name, *options):
    """Compile host.cpp into the folder."""
    out = folder / name
    command = [compiler(), *OPTIONS, *options, "-I", str(PTX.parent), str(SOURCE), "-o", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out


class HostKernel:
    """The kernel on the CPU, all blocks and threads of a launch one after another."""

    def __init__(self, path):
        self._library = ctypes.CDLL(str(path))

    def has(self, precision):
        return hasattr(self._library, f"run_{precision}")

    def constant(self, name):
        return getattr(self._library, name)()

    def run(self, up, low, flow, *, start=None, counts=None):
        """Returns out; `start`: another launch than geometry()'s; `counts`: stores of each element."""
        start = start or launch.geometry(up.shape[0], up.shape[1], height=up.shape[2], width=up.shape[3])
        out = np.full_like(low, np.nan)
        precision = {np.float32: "fp32", np.float16: "fp16"}[up.dtype.type]
        inputs = [address(array) for array in (up, low, flow)]
        getattr(self._library, f"run_{precision}")(
            (ctypes.c_int * 3)(*start.grid),
            start.block[0],
            *inputs,
            *map(ctypes.c_int, start.args),
            address(out),
            None if counts is None else address(counts),
        )
        return out


def address(array):
    assert array.flags.c_contiguous
    return ctypes.c_void_p(array.ctypes.data)


def tensors(shape, precision, *, flow_scale=2.0, batch=1, seed=0):
    """Random up, low and flow for (channels, height, width), rounded to the precision."""
    rng = np.random.default_rng(seed)
    channels, height, width = shape
    dtype = PRECISIONS[precision]
    up = rng.normal(size=(batch, channels, height, width)).astype(dtype)
    low = rng.normal(size=up.shape).astype(dtype)
    largest = np.finfo(dtype).max
    flow = np.clip(flow_scale * rng.normal(size=(batch, 2, height, width)), -largest, largest).astype(dtype)
    return up, low, flow
