"""Where an export is written, and what it may replace. Needs no torch."""

import subprocess
import sys
import threading

import pytest

from scr_live.card import file_sha256
from scr_live.convert.config import ENGINES, FORMS, PRECISIONS, ExportConfig, choices, engine_choices
from scr_live.convert.names import planned
from scr_live.convert.staging import check_folder, earlier_files, publish, staged
from scr_live.errors import OptionError, OutputExistsError, OutputUnwritableError
from scr_live.manifest import Artifact, Manifest, write_manifest


def fill(folder, files):
    """An export of these files, by name and content."""
    folder.mkdir(parents=True, exist_ok=True)
    artifacts = []
    for name, text in files.items():
        (folder / name).write_text(text)
        kind = "tensorrt-rtx" if name.endswith(".engine") else "onnx"
        digest = file_sha256(folder / name)
        artifacts.append(Artifact(name, kind, "native", "fp32", digest, len(text), 32))
    (folder / "card.json").write_text("{}")
    write_manifest(folder, Manifest("tiny", "a" * 64, {}, tuple(artifacts)))
    return folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_new_folder_is_made_only_at_the_end(tmp_path):
    out = tmp_path / "a" / "b"
    check_folder(out, ["m.onnx"])
    with staged(out, ()) as stage:
        fill(stage, {"m.onnx": "1"})
        assert not (tmp_path / "a").exists()
        publish(stage, out)
    assert names(out) == ["card.json", "m.onnx", "manifest.json"]
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_whatever_ends_the_work_leaves_nothing(tmp_path, error):
    def work():
        with staged(tmp_path / "a" / "b", ()) as stage:
            fill(stage, {"m.onnx": "1"})
            raise error

    with pytest.raises(error):
        work()
    assert names(tmp_path) == []


def test_an_earlier_export_is_replaced_as_a_whole(tmp_path):
    out = fill(tmp_path / "out", {"m.onnx": "1", "m-fp16.onnx": "2", "m.rtx.engine": "3"})
    (out / "m.rtx.engine.log").write_text("log")
    (out / "README.md").write_text("mine")
    check_folder(out, ["m.onnx"])
    with staged(out, ()) as stage:
        fill(stage, {"m.onnx": "new"})
        publish(stage, out)
    assert names(out) == ["README.md", "card.json", "m.onnx", "manifest.json"]
    assert (out / "m.onnx").read_text() == "new"


def test_a_log_that_no_export_wrote_stays(tmp_path):
    out = fill(tmp_path / "out", {"m.onnx": "1"})
    (out / "m.onnx.log").write_text("mine")
    with staged(out, ["n.onnx"]) as stage:
        fill(stage, {"n.onnx": "new"})
        publish(stage, out)
    assert names(out) == ["card.json", "m.onnx.log", "manifest.json", "n.onnx"]


def test_a_file_that_came_into_the_way_meanwhile_is_not_overwritten(tmp_path):
    out = fill(tmp_path / "out", {"m.onnx": "1"})
    with staged(out, ["n.onnx"]) as stage:
        fill(stage, {"n.onnx": "new"})
        (out / "n.onnx").write_text("mine")
        with pytest.raises(OutputExistsError, match=r"n\.onnx exists"):
            publish(stage, out)
    assert (out / "n.onnx").read_text() == "mine"
    assert (out / "m.onnx").read_text() == "1"


@pytest.mark.parametrize("exists", [True, False])
def test_what_a_killed_export_left_is_cleared_away_by_the_next(tmp_path, exists):
    out = fill(tmp_path / "out", {"m.onnx": "1"}) if exists else tmp_path / "out"
    code = (
        "import os, sys; from pathlib import Path; from scr_live.convert.staging import staged\n"
        "with staged(Path(sys.argv[1]), ()) as stage: (stage / 'm.onnx').write_text('half'); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(out)], check=False, timeout=50).returncode == 9
    assert any(path.suffix == ".partial" for path in tmp_path.rglob("*"))
    with staged(out, ["m.onnx"]) as stage:
        assert names(stage) == []
        fill(stage, {"m.onnx": "new"})
        publish(stage, out)
    assert names(out) == ["card.json", "m.onnx", "manifest.json"]
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("exists", [True, False])
def test_a_second_export_into_a_folder_waits_for_the_first(tmp_path, exists):
    out = fill(tmp_path / "out", {"m.onnx": "0"}) if exists else tmp_path / "out"
    waits, done = threading.Event(), threading.Event()

    def second():
        with staged(out, ["m.onnx"], waits.set) as stage:
            assert (out / "m.onnx").read_text() == "first"
            fill(stage, {"m.onnx": "second"})
            publish(stage, out)
        done.set()

    thread = threading.Thread(target=second)
    with staged(out, ["m.onnx"]) as stage:
        thread.start()
        assert waits.wait(20)
        fill(stage, {"m.onnx": "first"})
        publish(stage, out)
    thread.join(20)
    assert done.is_set()
    assert (out / "m.onnx").read_text() == "second"
    assert names(tmp_path) == ["out"]
    assert names(out) == ["card.json", "m.onnx", "manifest.json"]


@pytest.mark.parametrize("name", ["m.onnx", "card.json", "manifest.json"])
def test_a_file_that_no_export_made_is_not_overwritten(tmp_path, name):
    (tmp_path / name).write_text("{}" if name == "manifest.json" else "mine")
    with pytest.raises(OutputExistsError, match=name):
        check_folder(tmp_path, ["m.onnx"])


def test_a_file_that_was_changed_since_is_not_overwritten(tmp_path):
    out = fill(tmp_path, {"m.onnx": "1", "m-fp16.onnx": "2"})
    (out / "m.onnx").write_text("mine")
    assert earlier_files(out) >= {"m-fp16.onnx"}
    with pytest.raises(OutputExistsError, match=r"m\.onnx exists.*changed since"):
        check_folder(out, ["m.onnx"])


def test_a_changed_file_that_is_not_in_the_way_stays(tmp_path):
    out = fill(tmp_path / "out", {"m.onnx": "1", "m-fp16.onnx": "2"})
    (out / "m-fp16.onnx").write_text("mine")
    with staged(out, ()) as stage:
        fill(stage, {"m.onnx": "new"})
        publish(stage, out)
    assert (out / "m-fp16.onnx").read_text() == "mine"


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OutputUnwritableError, match="Cannot export to"):
            check_folder(out, [])
    with pytest.raises(OutputUnwritableError, match="too long"), staged(tmp_path / ("a" * 300), ()):
        pytest.fail("before the work")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("fp16", ("fp16",)), ("int8, fp32", ("fp32", "int8")), ("fp16,fp16", ("fp16",))],
)
def test_lists_are_read_in_one_order(text, expected):
    assert choices("--precision", text, PRECISIONS) == expected


@pytest.mark.parametrize("text", ["", "fp8", "fp16,", "FP16", "bf16", "fp16;int8"])
def test_an_unknown_name_is_said_with_those_that_are_known(text):
    with pytest.raises(OptionError, match=r"--precision takes one or more of fp32, fp16, int8.*found"):
        choices("--precision", text, PRECISIONS)


def test_none_is_no_engine():
    assert engine_choices("none") == ()
    assert engine_choices("tensorrt-rtx,tensorrt") == ("tensorrt", "tensorrt-rtx")
    with pytest.raises(OptionError, match="--engine takes"):
        engine_choices("none,tensorrt")


@pytest.mark.parametrize("text", ["openvino", "tensorrt,openvino", "onnxruntime"])
def test_an_engine_that_has_no_file_of_its_own_is_refused(text):
    with pytest.raises(OptionError, match=r"has nothing to build: it runs the ONNX files as they are"):
        engine_choices(text)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"precisions": ("int8",)}, "--calibration"),
        ({"calibration": "set"}, "Add int8"),
        ({"batch": -1}, "--batch"),
        ({"batch": 65}, "--batch"),
        ({"count": 0}, "--count"),
        ({"engines": ("tensorrt",), "forms": ("native",)}, "Add plugin to --form"),
    ],
)
def test_wrong_and_contradicting_options_are_refused(tmp_path, values, words):
    with pytest.raises(OptionError, match=words):
        ExportConfig(ckpt=tmp_path, **values).check()


def test_every_file_of_an_export_is_known_beforehand(tmp_path):
    config = ExportConfig(ckpt=tmp_path, precisions=("fp16", "int8"), engines=ENGINES, forms=FORMS)
    assert planned(config, "m") == [
        "m.onnx",
        "m-plugin.onnx",
        "m-fp16.onnx",
        "m-fp16-plugin.onnx",
        "m-int8.onnx",
        "m-int8-plugin.onnx",
        "m-fp16.engine",
        "m-fp16.engine.log",
        "m-int8.engine",
        "m-int8.engine.log",
        "m-fp16.rtx.engine",
        "m-fp16.rtx.engine.log",
        "m-int8.rtx.engine",
        "m-int8.rtx.engine.log",
    ]
    assert planned(ExportConfig(ckpt=tmp_path, precisions=("fp32",), forms=("plugin",)), "m") == [
        "m.onnx",
        "m-plugin.onnx",
    ]
