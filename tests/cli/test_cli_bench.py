"""`scr-live bench` as a user meets it."""

import importlib.util
import json

import pytest
from tiny_models import write_model

QUICK = ("--rounds", 6, "--frame", "96x64", "--no-memory", "--no-throughput")

plots = pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="needs matplotlib")


def test_engines_stand_side_by_side_and_all_is_written(cli, tmp_path):
    model, figures = write_model(tmp_path), tmp_path / "bench.json"
    done = cli(
        "bench", "--model", model, "--engine", "openvino,constant", "--precision", "fp32,int8", *QUICK,
        "--layers", "--json", figures,
    )  # fmt: skip
    assert (done.code, done.err) == (0, "")
    told = json.loads(figures.read_text(encoding="utf-8"))
    assert [row["label"] for row in told["rows"]] == [
        "tiny openvino fp32",
        "tiny openvino int8",
        "tiny constant fp32",
        "tiny constant int8",
    ]
    assert [row["reason"] is None for row in told["rows"]] == [True, False, True, True]
    assert "6 rounds" in done.out
    assert "not measured  tiny openvino int8: " in done.out
    assert "Layers of tiny openvino fp32, heaviest first" in done.out
    assert told["rows"][0]["ms"]["infer"]["interval_95"] is not None
    assert f"figures   {figures}" in done.out


@plots
@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_a_plot_is_drawn_and_may_be_drawn_again(cli, suffix, tmp_path):
    plot = tmp_path / f"bench{suffix}"
    for _ in range(2):
        done = cli("bench", "--engine", "constant", "--no-floor", *QUICK, "--plot", plot)
        assert (done.code, done.err) == (0, "")
    data = plot.read_bytes()
    assert data.startswith(b"\x89PNG" if suffix == ".png" else b"<!-- made by scr-live -->")
    if suffix == ".svg":
        assert b"scr-net-lite0 constant auto" in data


def test_a_clip_is_carried_and_the_table_ends_with_all(cli, make_clip, tmp_path):
    clip, figures = make_clip(tmp_path / "clip.mp4", 8), tmp_path / "paths.json"
    done = cli("bench", "--pipeline", clip, "--engine", "constant", "--json", figures)
    assert (done.code, done.err) == (0, "")
    assert "8 captured, 8 inferred, 8 recorded" in done.out
    assert "margins, encode, write" in done.out
    assert json.loads(figures.read_text())["paths"][0]["run"]["frames"]["captured"] == 8


def test_live_tells_delays_and_drops(cli, make_clip, tmp_path):
    done = cli(
        "bench", "--pipeline", make_clip(tmp_path / "clip.mp4", 5), "--engine", "constant", "--realtime"
    )
    assert (done.code, done.err) == (0, "")
    for words in ("dropped: ", "video delay p50", "annotation delay p50", "5 captured"):
        assert words in done.out


def test_nothing_that_can_be_measured_is_a_failure_with_its_reasons(cli):
    done = cli("bench", "--model", "nothing-here", *QUICK)
    assert done.code == 1
    assert "nothing-here" in done.out
    assert "Nothing could be measured" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--frame", "big"), "--frame must be WIDTHxHEIGHT"),
        (("--size", "a"), "--size must be whole numbers"),
        (("--engine", "nothing"), "Unknown engine 'nothing'"),
        (("--precision", "fp31"), "Unknown precision 'fp31'"),
        (("--plot", "bench.gif"), "--plot must name a picture"),
        (("--realtime",), "Name one with --pipeline"),
        (("--seconds", "0"), "--seconds must be more than 0"),
    ],
)
def test_a_mistake_is_one_sentence(cli, options, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = cli("bench", *options)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert list(tmp_path.iterdir()) == []
