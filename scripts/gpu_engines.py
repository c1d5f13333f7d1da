"""Measure every engine on this machine's GPU, copies included, and how close it stays to a CPU reference.

    python scripts/gpu_engines.py --out figures/gpu-engines.json

Each line of the table runs in a process of its own: what cannot be imported, built, loaded or run, or brings
its process down, is recorded with the reason, and the others go on. Without a GPU that is most of them.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scr_live.engines import Engine
from scr_live.engines.opening import open_engine
from scr_live.errors import ScrLiveError
from scr_live.files import write_json
from scr_live.gpu import visible_gpu
from scr_live.machine import installed_version, machine_facts
from scr_live.pipeline.timing import Histogram
from scr_live.shipped import DEFAULT_MODEL, find_model, model_for

LINES: Final = (
    ("tensorrt", "fp16"),
    ("tensorrt", "fp32"),
    ("tensorrt", "int8"),
    ("tensorrt-rtx", "fp16"),
    ("tensorrt-rtx", "fp32"),
    ("onnxruntime", "fp16"),
    ("onnxruntime", "fp32"),
    ("pytorch", "fp16"),
    ("pytorch", "fp32"),
    ("openvino", "fp32"),
)
REFERENCES: Final = (("openvino", "fp32"), ("onnxruntime", "fp32"), ("pytorch", "fp32"))
"""The first that works is what the others are compared with."""
PACKAGES: Final = (
    "tensorrt",
    "tensorrt-cu13",
    "tensorrt-rtx",
    "cuda-bindings",
    "onnxruntime-gpu",
    "onnxruntime",
    "torch",
    "openvino",
)
CLIP = Path("assets/sample_videos/phantom.mp4")
LONGEST_S = 400  # for one line, the build of its engine included
PICTURES = 8

Pictures = NDArray[np.uint8]


def main() -> None:
    """Measure all lines, or the one that is named, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--warm-up", type=int, default=100)
    parser.add_argument("--out", type=Path, default=Path("figures/gpu-engines.json"))
    parser.add_argument("--engine", action="append", help="only this one; may be repeated")
    parser.add_argument("--line", nargs=3, metavar=("ENGINE", "PRECISION", "FOLDER"), help="used by itself")
    arguments = parser.parse_args()
    if arguments.line:
        engine, precision, folder = arguments.line
        print(json.dumps(measured(engine, precision, Path(folder), arguments)))
        return
    with tempfile.TemporaryDirectory() as folder:
        shown = pictures(find_model(arguments.model).card.input_size)
        np.save(Path(folder) / "pictures.npy", shown)
        reference = write_reference(Path(folder), arguments)
        lines = [
            in_own_process(engine, precision, Path(folder), arguments)
            for engine, precision in LINES
            if not arguments.engine or engine in arguments.engine
        ]
    gpu = visible_gpu()
    write_json(
        arguments.out,
        {
            "machine": machine_facts(),
            "gpu": asdict(gpu) if gpu else "none",
            "nvidia-smi": nvidia_smi(),
            "packages": {name: version for name in PACKAGES if (version := installed_version(name))},
            "model": arguments.model,
            "reference": reference,
            "frames": arguments.frames,
            "engines": lines,
        },
    )
    print(f"{arguments.out}: {sum('ms' in line for line in lines)} of {len(lines)} engines measured")


def in_own_process(
    engine: str, precision: str, folder: Path, arguments: argparse.Namespace
) -> dict[str, Any]:
    """One line of the table: the figures, or `failed` with the reason."""
    command = [sys.executable, __file__, "--line", engine, precision, str(folder), "--model", arguments.model]
    command += ["--frames", str(arguments.frames), "--warm-up", str(arguments.warm_up)]
    line: dict[str, Any] = {"engine": engine, "precision": precision}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_S, check=False)  # noqa: S603
        answer = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        line["failed"] = f"it did not end within {LONGEST_S} s"
    except (IndexError, ValueError):
        last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        line["failed"] = f"its process ended with {done.returncode}: {last[0]}"
    else:
        line |= answer
    print(
        engine, precision, line.get("failed") or f"p50 {line['ms']['p50']} ms on {line['device']}", flush=True
    )
    return line


def measured(name: str, precision: str, folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Open the engine, compare it with the reference and time it. Never raises."""
    try:
        began = time.perf_counter()
        with open_engine(name, model_for(name, arguments.model), precision=precision, progress=say) as engine:
            opened_s = time.perf_counter() - began
            info = engine.info
            shown = np.load(folder / "pictures.npy")
            figures = {
                "device": info.device,
                "versions": dict(info.versions),
                "reason": info.reason,
                "opened_s": round(opened_s, 2),
                "compared": compared(engine, shown, folder / "reference.npy"),
                "ms": timed(engine, shown, frames=arguments.frames, warm_up=arguments.warm_up),
            }
        began = time.perf_counter()
        with open_engine(name, model_for(name, arguments.model), precision=precision):
            figures["opened_again_s"] = round(time.perf_counter() - began, 2)
    except ScrLiveError as error:
        return {"failed": str(error).replace(str(Path.cwd()), ".")}
    except Exception as error:  # noqa: BLE001 - whatever a driver throws is what there is to record
        return {"failed": f"{type(error).__name__}: {error}"}
    return figures


def timed(engine: Engine, shown: Pictures, *, frames: int, warm_up: int) -> dict[str, float]:
    """Milliseconds from a picture in memory to its probability in memory."""
    for index in range(warm_up):
        engine.infer(shown[index % len(shown)])
    times = Histogram()
    for index in range(frames):
        began = time.perf_counter()
        engine.infer(shown[index % len(shown)])
        times.record(time.perf_counter() - began)
    return times.latency().as_dict()


def compared(engine: Engine, shown: Pictures, reference: Path) -> dict[str, float] | str:
    """How far its probabilities are from the reference's."""
    if not reference.is_file():
        return "there is no reference"
    wanted = np.load(reference)
    found = np.stack([engine.infer(picture) for picture in shown])
    errors = np.abs(found - wanted)
    flips = (found >= 0.5) != (wanted >= 0.5)  # noqa: PLR2004 - the usual threshold
    return {
        "max_error": float(errors.max()),
        "mean_error": float(errors.mean()),
        "flipped_share": float(flips.mean()),
    }


def write_reference(folder: Path, arguments: argparse.Namespace) -> str:
    """Write reference.npy, by an engine on the CPU; says which, or why there is none."""
    causes = []
    for name, precision in REFERENCES:
        code = REFERENCE.format(name=name, precision=precision, model=arguments.model, folder=str(folder))
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}  # a GPU is no reference for itself
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment
        )
        if done.returncode == 0:
            return done.stdout.strip()
        causes.append(f"{name}: {(done.stderr.strip().splitlines() or ['nothing'])[-1]}")
    return f"none: {'; '.join(causes)}"


REFERENCE = """
from pathlib import Path
import numpy as np
from scr_live.engines.opening import open_engine
from scr_live.shipped import model_for
folder = Path({folder!r})
with open_engine({name!r}, model_for({name!r}, {model!r}), precision={precision!r}) as engine:
    assert "CPU" in engine.info.device
    answers = [engine.infer(picture) for picture in np.load(folder / "pictures.npy")]
    np.save(folder / "reference.npy", np.stack(answers))
    print(engine.info.backend, engine.info.precision, "on", engine.info.device)
"""


def pictures(size: int) -> Pictures:
    """Frames of the sample clip where it can be read, and always a smooth picture and noise."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
    y, x = np.mgrid[:size, :size] / size
    planes = (0.6 + 0.3 * np.sin(5 * x + 2 * y), 0.35 + 0.2 * np.cos(4 * y), 0.3 + 0.1 * x)
    smooth = (np.stack(planes, axis=-1) * 255).astype(np.uint8)
    try:
        from scr_live.geometry import shrink  # noqa: PLC0415 - loads OpenCV
        from scr_live.sources.opening import open_source  # noqa: PLC0415 - loads FFmpeg

        with open_source(str(CLIP)) as source:
            frames = [shrink(frame.image, size) for frame in islice(source, 30, 30 + 25 * PICTURES, 25)]
    except (ImportError, ScrLiveError) as error:
        print(f"without frames of {CLIP}: {error}")
        frames = []
    return np.stack([smooth, noise, *frames])


def nvidia_smi() -> str:
    """Name, driver, clocks and power limit, or why not."""
    fields = "name,driver_version,clocks.max.sm,power.limit,memory.total"
    try:
        done = subprocess.run(  # noqa: S603
            ["nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader"],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"not available: {error}"
    return (done.stdout or done.stderr).strip()


def say(text: str) -> None:
    """Progress of a build; standard output is for the figures."""
    print(text, file=sys.stderr)


if __name__ == "__main__":
    main()
