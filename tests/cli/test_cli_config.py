"""`--config FILE`: the options' own names in a TOML file, and what is wrong with it in one sentence."""

import json
from pathlib import Path
from typing import Annotated

import pytest
import typer

from scr_live.cli.config import Config

PHANTOM = "phantom:duration=0.1,size=64x48"


@pytest.fixture
def room(tmp_path):
    """room(text) -> the path of a config file, in a folder that is not the working directory."""
    folder = tmp_path / "room"
    folder.mkdir()

    def write(text):
        path = folder / "room.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def run_of(cli, config, *more):
    """Run, and return what it left; a wrong option ends it."""
    return cli("run", "--config", config, *more)


def complaint(done):
    assert (done.code, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert line.startswith("Error: ")
    return line


def test_a_file_may_hold_everything_a_run_needs(cli, room):
    config = room(
        f'source = "{PHANTOM}"\nengine = "constant"\ndisplay = false\nrecord = "out.mp4"\nstats = "s.json"\n'
        "max-overlay-age = 1\nmax-frames = 2\n"
    )
    done = run_of(cli, config)
    assert (done.code, done.err) == (0, "")
    assert sorted(path.name for path in config.parent.iterdir()) == ["out.mp4", "room.toml", "s.json"]
    assert json.loads((config.parent / "s.json").read_text())["frames"]["recorded"] == 2


def test_the_command_line_goes_before_it(cli, room, tmp_path):
    config = room('source = "nowhere.mp4"\nmax-frames = 9\nstats = "file.json"\nengine = "constant"\n')
    done = run_of(
        cli, config, "--source", PHANTOM, "--max-frames", 1, "--stats", tmp_path / "line.json", "--no-display"
    )
    assert done.code == 0
    assert json.loads((tmp_path / "line.json").read_text())["frames"]["captured"] == 1
    assert not (config.parent / "file.json").exists()


def test_a_flag_may_be_set_and_taken_back(cli, room, make_clip):
    config = room(
        'source = "clip.mp4"\nloop = true\nno-display = true\nengine = "constant"\nmax-frames = 5\n'
    )
    make_clip(config.parent / "clip.mp4", 2)
    assert "5 captured" in run_of(cli, config).out  # of two, looped; the source lies beside the file
    config.write_text(config.read_text().replace("loop = true", "loop = false"))
    assert "2 captured" in run_of(cli, config).out


@pytest.mark.parametrize("told", ['["one", "two"]', '"one"'], ids=["list", "one"])
def test_an_option_that_repeats_takes_a_list(told, room):
    """Any command may have the option; this one has what `run` has not."""
    seen = []

    def command(
        *,
        data: Annotated[list[Path], typer.Option()],
        count: Annotated[list[int] | None, typer.Option()] = None,
        config_file: Config = None,
    ) -> None:
        seen.extend([data, count])

    app = typer.Typer()
    app.command()(command)
    config = room(f"data = {told}\ncount = [1, 2]\n")
    app(["--config", str(config)], standalone_mode=False)
    assert seen == [[config.parent / name for name in ("one", "two") if name in told], [1, 2]]


def test_a_model_is_a_name_or_lies_beside_the_file(cli, room):
    config = room(f'source = "{PHANTOM}"\nmodel = "own/model.onnx"\ndisplay = false\n')
    done = run_of(cli, config)
    assert done.code == 1
    assert str(config.parent / "own" / "model.onnx") in done.err


@pytest.mark.parametrize(
    ("source", "complains_of"),
    [
        ("rtsp://127.0.0.1:1/x", "rtsp://127.0.0.1:1/x"),
        ("gopher://x", "gopher://"),
        ("clips/none.mp4", "room/clips/none.mp4"),
        ("clips/*.png", "room/clips/*.png"),
    ],
)
def test_a_source_is_an_address_or_a_path_from_the_files_folder(cli, room, source, complains_of):
    done = run_of(cli, room(f'source = "{source}"\nengine = "constant"\ndisplay = false\n'))
    assert done.code == 1
    assert complains_of in done.err.replace("\\", "/")


WRONG = {
    "unknown, a near one": ('sorce = "x"', "'sorce', which is no option here. Did you mean 'source'?"),
    "underscores": (
        "max_overlay_age = 1",
        "'max_overlay_age', which is no option here. Did you mean 'max-overlay-age'?",
    ),
    "dashes": ('"--record" = "x"', "Did you mean 'record'?"),
    "unknown, none near": ("zzz = 1", ", display, encoder, engine, "),
    "itself": ('config = "x.toml"', "'config', which is no option here."),
    "number for text": ("source = 0", 'source must be text in quotes; found 0. Write source = "0".'),
    "number without its unit": (
        "segment = 90",
        'segment must be text in quotes; found 90. Write it as in segment = "10min".',
    ),
    "half a size": ("size = 640", 'found 640. Write it as in size = "1280x720".'),
    "text for number": ('max-frames = "5"', "max-frames must be a whole number; found '5'."),
    "fraction for count": ("max-frames = 2.5", "max-frames must be a whole number; found 2.5."),
    "flag for number": ("fps = true", "fps must be a number; found true."),
    "text for flag": ('loop = "yes"', "loop must be true or false; found 'yes'."),
    "number for flag": ("loop = 1", "loop must be true or false; found 1."),
    "number for path": ("record = 1", "record must be a path in quotes; found 1."),
    "table": ("[source]\nx = 1", "source must be text in quotes; found a table."),
    "list": ('source = ["a"]', "source must be text in quotes; found a list."),
    "date": ("source = 2026-01-01", "source must be text in quotes; found 2026-01-01."),
    "both forms": (
        "display = true\nno-display = true",
        "both 'display' and 'no-display', which are one option.",
    ),
    "twice": ("loop = true\nloop = true", "is no valid TOML file: Cannot overwrite a value"),
    "broken": ("source = ", "is no valid TOML file: Invalid value (at end of document)"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_mistake_is_named_in_one_sentence(case, cli, room):
    text, words = WRONG[case]
    config = room(text)
    told = complaint(run_of(cli, config))
    assert words in told
    assert str(config) in told


def test_a_file_that_is_none_is_named(cli, tmp_path):
    assert f"there is no file {tmp_path / 'none.toml'}" in complaint(run_of(cli, tmp_path / "none.toml"))
    assert f"cannot read {tmp_path}: Is a directory" in complaint(run_of(cli, tmp_path))


def test_no_text_is_named(cli, room):
    config = room("")
    config.write_bytes(b"\xff\xfe\x00")
    assert "is no valid TOML file" in complaint(run_of(cli, config))


def test_an_empty_file_says_nothing(cli, room):
    done = run_of(cli, room(""), "--source", PHANTOM, "--engine", "constant", "--no-display")
    assert done.code == 0


def test_without_a_source_in_either_the_line_is_told(cli, room):
    done = run_of(cli, room('engine = "constant"\n'))
    assert done.code == 2
    assert "--source" in done.err


def test_in_a_process_of_its_own(start, finish, room):
    config = room(f'source = "{PHANTOM}"\nengine = "constant"\ndisplay = false\nstats = "s.json"\n')
    done = finish(start("run", "--config", config))
    assert (done.code, done.err) == (0, "")
    assert json.loads((config.parent / "s.json").read_text())["source"]["kind"] == "phantom"
