"""`scr-live export` as a user meets it."""

import contextlib
import importlib.util
import json
import signal
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch, of the extra `export`")
pytest.importorskip("safetensors", reason="needs safetensors, of the extra `export`")
pytest.importorskip("onnxscript", reason="needs onnxscript, of the extra `export`")

import torch

from scr_live.card import ModelCard, file_sha256
from scr_live.convert import command
from scr_live.errors import ModelError
from scr_live.manifest import read_manifest
from scr_live.network.config import NetworkConfig
from scr_live.network.scr_net import ScrNet
from scr_live.network.weights import save_weights

QUICK = ("--form", "native", "--precision", "fp32", "--threads", 1)


@pytest.fixture
def room(tmp_path, monkeypatch):
    """A folder to work in, with a checkpoint and a set of pictures with masks."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    network = ScrNet(NetworkConfig(encoder="plain", width=4))
    save_weights(tmp_path / "w.safetensors", network.state_dict())
    digest = file_sha256(tmp_path / "w.safetensors")
    card = ModelCard("tiny", 32, sha256=digest, network=network.config.as_dict())
    (tmp_path / "w.json").write_text(json.dumps(card.as_dict()))
    rng = np.random.default_rng(0)
    rows = ["dataset,id,split"]
    for kind in ("images", "masks"):
        (tmp_path / "set" / kind).mkdir(parents=True)
    for number in range(3):
        image, mask = rng.integers(60, 180, (40, 48, 3), np.uint8), np.zeros((40, 48), np.uint8)
        mask[10:30, 12:36] = 255
        assert cv2.imwrite(str(tmp_path / "set" / "images" / f"{number}.png"), image)
        assert cv2.imwrite(str(tmp_path / "set" / "masks" / f"{number}.png"), mask)
        rows.append(f"set,{number},{'val' if number else 'train'}")
    (tmp_path / "splits.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_an_export_tells_what_it_compared_and_where_the_files_are(cli, room):
    done = cli("export", "--ckpt", "w.safetensors", "--verify", "set", *QUICK)
    assert (done.code, done.err) == (0, "")
    assert names(room / "export" / "tiny") == ["card.json", "manifest.json", "tiny.onnx"]
    assert "8 synthetic pictures and 2 pictures of set (val)" in done.out
    assert "Dice of PyTorch in fp32: 0." in done.out
    table = [line for line in done.out.splitlines() if line.startswith("tiny.onnx")]
    assert [line.split()[1] for line in table][:1] == ["openvino"]
    (artifact,) = read_manifest(room / "export" / "tiny").artifacts
    assert artifact.parity["openvino fp32"]["dice"] == artifact.parity["openvino fp32"]["reference_dice"]
    assert "export/tiny" in done.out.replace("\\", "/")


def written(path, text):
    Path(path).parent.mkdir(exist_ok=True, parents=True)
    Path(path).write_text(text)


MISTAKES = {
    "missing file": (["--ckpt", "none.safetensors"], 1, "No checkpoint at none.safetensors"),
    "wrong folder": (["--ckpt", "set"], 1, "holds no best.safetensors"),
    "no checkpoint": (["--ckpt", "splits.csv"], 1, "no checkpoint that can be exported"),
    "precision": (["--precision", "fp8"], 2, "found 'fp8'"),
    "precision of engines": (["--precision", "fp32,bf16"], 2, "found 'bf16'"),
    "form": (["--form", "onnx"], 2, "native, plugin"),
    "engine": (["--engine", "coreml"], 2, "tensorrt, tensorrt-rtx"),
    "engine without a file": (["--engine", "openvino"], 2, "has nothing to build"),
    "form of the engine": (["--engine", "tensorrt", "--form", "native"], 2, "Add plugin to --form"),
    "size": (["--size", "100"], 2, "multiple of 32"),
    "no size": (["--size", "0"], 2, "multiple of 32"),
    "batch": (["--batch", "-1"], 2, "--batch must be"),
    "count": (["--count", "0"], 2, "--count must be"),
    "threads": (["--threads", "100000"], 2, "--threads must be"),
    "int8 without pictures": (["--precision", "int8"], 2, "--calibration"),
    "pictures without int8": (["--calibration", "set"], 2, "Add int8"),
    "no calibration": (["--precision", "int8", "--calibration", "none"], 1, "none is no image set"),
    "no verification": (["--verify", "none"], 1, "none is no image set"),
    "out is a file": (["--out", "splits.csv"], 1, "is no folder"),
    "out below a file": (["--out", "splits.csv/x"], 1, "is no folder"),
    "out too long": (["--out", "a" * 300], 1, "too long"),
    "files of others in out": (["--out", "taken"], 1, "no export made it"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_paragraph_and_writes_nothing(cli, room, case):
    arguments, code, words = MISTAKES[case]
    written("taken/tiny.onnx", "mine")
    before = sorted(room.rglob("*"))
    ckpt = [] if "--ckpt" in arguments else ["--ckpt", "w.safetensors"]
    done = cli("export", *ckpt, *arguments)
    assert done.code == code, done
    assert words in done.err
    assert done.err.startswith("Error: ")
    assert done.err.count("\n") == 1
    assert "Traceback" not in done.err
    assert sorted(room.rglob("*")) == before


def test_code_in_a_checkpoint_is_one_paragraph_and_is_not_run(cli, room):
    class Payload:
        def __reduce__(self):
            return Path.write_text, (room / "mark", "it ran")

    torch.save(Payload(), room / "w.pt")
    (room / "w.safetensors").unlink()
    card = json.loads((room / "w.json").read_text())
    (room / "w.json").write_text(json.dumps({**card, "sha256": ""}))
    done = cli("export", "--ckpt", "w.pt", *QUICK)
    assert done.code == 1
    assert "Nothing of it was run" in done.err
    assert done.err.count("\n") == 1
    assert not (room / "mark").exists()
    assert not (room / "export").exists()


@pytest.mark.skipif(
    importlib.util.find_spec("tensorrt_rtx") is not None, reason="TensorRT-RTX is installed here"
)
def test_an_engine_whose_library_is_missing_is_said_before_the_work(cli, room):
    done = cli("export", "--ckpt", "w.safetensors", "--engine", "tensorrt-rtx")
    assert done.code == 1
    assert 'pip install "scr-live[rtx]"' in done.err
    assert done.out == ""


@pytest.mark.parametrize(
    "error", [ModelError("cannot trace"), RuntimeError("C++"), ImportError("half loaded")]
)
def test_ctrl_c_that_a_library_takes_for_its_own_failure_is_ctrl_c(cli, room, monkeypatch, error):
    def interrupted(*_):
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        raise error

    monkeypatch.setattr(command, "export", interrupted)
    done = cli("export", "--ckpt", "w.safetensors", *QUICK)
    assert (done.code, done.err) == (130, "")


@pytest.mark.skipif(sys.platform == "win32", reason="signals are another matter there")
def test_ctrl_c_leaves_nothing(start, finish, room):
    process = start("export", "--ckpt", "w.safetensors", *QUICK)
    deadline = time.monotonic() + 40
    while not list(room.glob(".tiny.partial")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    done = finish(process)
    assert done.code == 130, done
    assert "Traceback" not in done.err
    assert names(room) == ["set", "splits.csv", "w.json", "w.safetensors"]
