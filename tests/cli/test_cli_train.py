"""`scr-live train` as a user meets it."""

import signal
import sys
import time

import cv2
import numpy as np
import pytest
import typer

pytest.importorskip("torch", reason="needs torch, of the extra `train`")
pytest.importorskip("safetensors", reason="needs safetensors, of the extra `train`")

from scr_live.cli.signals import stop_on_signals
from scr_live.shipped import read_model

TINY = ("network.width=4", "sizes=[32]", "final_size=32", "batch=2", "warmup_steps=1")


def options(folder, *settings):
    return ["--data", folder / "polyps", "--out", folder / "run", "--device", "cpu", "--threads", 1] + [
        part for setting in (*TINY, *settings) for part in ("--set", setting)
    ]


@pytest.fixture
def folder(tmp_path, rng):
    """Four pictures with a polyp, two of them to validate on."""
    rows = ["dataset,id,split"]
    for kind in ("images", "masks"):
        (tmp_path / "polyps" / kind).mkdir(parents=True)
    for number in range(4):
        image, mask = rng.integers(60, 180, (40, 48, 3), np.uint8), np.zeros((40, 48), np.uint8)
        mask[10:30, 12:36] = 255
        assert cv2.imwrite(str(tmp_path / "polyps" / "images" / f"{number}.png"), image)
        assert cv2.imwrite(str(tmp_path / "polyps" / "masks" / f"{number}.png"), mask)
        rows.append(f"polyps,{number},{'val' if number > 1 else 'train'}")
    (tmp_path / "splits.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_a_run_tells_its_progress_and_ends_well(cli, folder):
    done = cli("train", "--recipe", "plain", *options(folder), "--epochs", 2)
    assert (done.code, done.err) == (0, "")
    assert "step 0 of 2" in done.out
    assert "2 to train on, 2 to validate" in done.out
    assert "validation at step 2" in done.out
    assert "Continue with" not in done.out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--recipe", "plian"], 1, "No recipe 'plian'"),
        (["--recipe", "plain", "--set", "rates=1"], 2, "unknown key 'rates'"),
        (["--recipe", "plain", "--resume"], 1, "Nothing to resume"),
        ([], 2, "Which recipe?"),
    ],
)
def test_a_mistake_is_one_paragraph(cli, folder, arguments, code, message):
    done = cli("train", *options(folder), *arguments)
    assert done.code == code
    assert message in done.err
    assert done.err.count("\n") <= 4
    assert "Traceback" not in done.err


def test_an_ablation_prints_its_table(cli, folder):
    done = cli("ablate", "--recipe", "plain", *options(folder, "steps=1"))
    assert (done.code, done.err) == (0, "")
    assert done.out.count("done     step 1") == 4
    assert "| Baseline+SCM+SRM |" in done.out
    assert (folder / "run" / "ablation.md").read_text() in done.out
    again = cli("ablate", "--out", folder / "run", "--evaluate-only")
    assert (again.code, again.err) == (0, "")
    assert "| Baseline (FPN+PPM) |" in again.out


@pytest.mark.skipif(sys.platform == "win32", reason="signals are another matter there")
def test_ctrl_c_saves_after_the_step_and_says_how_to_go_on(start, finish, cli, folder):
    process = start("train", "--recipe", "plain", *options(folder, "steps=1000000", "validate_every=999999"))
    deadline = time.monotonic() + 40
    while not (folder / "run" / "last.pt").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    done = finish(process)
    assert (done.code, done.err) == (0, "")
    assert f"scr-live train --resume --out {folder / 'run'}" in done.out
    read_model(folder / "run" / "last.safetensors")  # whole, with its card
    again = cli("train", "--resume", "--out", folder / "run", "--set", "steps=1")
    assert again.code == 0
    assert "steps was 1000000 and is 1" in again.out


@pytest.mark.skipif(sys.platform == "win32", reason="signals are another matter there")
def test_a_ctrl_c_that_comes_again_as_sigterm_does_not_insist():
    seen = []

    def be_told(*numbers):
        with stop_on_signals(same_twice=True) as signals:
            signals.started.set()
            for number in numbers:
                signal.raise_signal(number)
                seen.append(signals.stop.is_set())

    be_told(signal.SIGINT, signal.SIGTERM)
    assert seen == [True, True]
    with pytest.raises(typer.Exit) as end:
        be_told(signal.SIGINT, signal.SIGTERM, signal.SIGINT)
    assert end.value.exit_code == 128 + signal.SIGINT
