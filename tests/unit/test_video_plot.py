"""The drawing of a measured clip."""

import sys
from xml.etree import ElementTree as ET

import cv2
import numpy as np
import pytest

from scr_live.engines.constant import ConstantEngine
from scr_live.errors import OptionError, ScrLiveError
from scr_live.evaluation import judged_model
from scr_live.evaluation.judged_model import ModelOptions
from scr_live.evaluation.video import plot
from scr_live.evaluation.video.command import VideoConfig, evaluate_videos
from scr_live.evaluation.video.records import FrameRecord, Region
from scr_live.evaluation.video.running import ClipRun
from scr_live.sources import SourceInfo

pytest.importorskip("matplotlib", reason="plots are an extra: scr-live[report]")

PHANTOM = "phantom:seed=0,size=160x128,duration=0.4"
INFO = SourceInfo("file", "folder/a$b.mp4", 64, 48, fps=10.0, is_live=False)
A = frozenset("a")


def records(*frames):
    """Frames as (hits of each region, truth), a tenth of a second apart."""
    return tuple(
        FrameRecord(at / 10, tuple(Region(one, track_id=1) for one in regions), truth)
        for at, (regions, truth) in enumerate(frames)
    )


@pytest.fixture
def draw(tmp_path):
    def drawn(*frames, suffix=".svg"):
        path = tmp_path / f"plot{suffix}"
        run = ClipRun(INFO, {0.0: records(*frames), 0.5: ()}, {})
        plot.write_plot(path, run, title="a model", threshold=0.6)
        return path

    return drawn


def words_of(svg):
    tree = ET.parse(svg)  # noqa: S314 - it is our own
    return ["".join(one.itertext()).strip() for one in tree.iter("{http://www.w3.org/2000/svg}text")]


def test_a_row_a_polyp_and_a_row_a_rule(draw):
    both = frozenset({"fold", "7"})
    words = words_of(draw(([], frozenset()), ([A], both), ([frozenset()], both)))
    assert "a$b.mp4" in words
    rows = ["polyp 7", "fold", "marks, no rule", "after 0.5 s (usual)"]
    assert [word for word in words if word in rows] == rows
    assert {"in view", "marks on a polyp", "marks on none", "highest score"} <= set(words)
    assert "Dice" not in words


def test_what_lasts_is_one_span(draw):
    frames = records(([A], A), ([A], A), ([], A), ([A], A))
    spans = plot._spans(frames, [bool(frame.regions) for frame in frames])
    assert spans == [(0.0, 0.2), (pytest.approx(0.3), pytest.approx(0.4))]
    assert plot._spans((), []) == []


def test_marks_on_a_polyp_and_on_none_stand_in_two_colours(draw):
    def colours(*frames):
        picture = cv2.imread(str(draw(*frames, suffix=".png")))[..., ::-1].astype(int)
        bars = picture[:, 150:1150]  # left of the legend
        return [bool((np.abs(bars - rgb).sum(axis=2) < 6).any()) for rgb in ((0, 114, 178), (213, 94, 0))]

    assert colours(([A], A)) == [True, False]
    assert colours(([frozenset()], A)) == [False, True]
    assert colours(([A, frozenset()], A)) == [True, True]
    assert colours(([], A)) == [False, False]


def test_a_procedure_has_minutes_and_a_name_any_letters(tmp_path):
    frames = tuple(FrameRecord(at / 2, truth=A) for at in range(500))
    info = SourceInfo("file", "日.mp4", 64, 48, fps=2.0, is_live=False)
    for path in (tmp_path / "plot.png", tmp_path / "plot.svg"):
        plot.write_plot(path, ClipRun(info, {0.0: frames}, {}), title="a model", threshold=0.6)
    assert {"minutes", "0", "4", "日.mp4"} <= set(words_of(path))


def test_a_video_without_frames_is_drawn(draw):
    assert "no polyp" in words_of(draw())


@pytest.fixture
def measure(monkeypatch):
    monkeypatch.setattr(judged_model, "open_engine", lambda *_, **__: ConstantEngine(96, 1.0))

    def run(path, *, clips=((PHANTOM, "phantom"),)):
        return evaluate_videos(VideoConfig(clips, ModelOptions(engine="constant"), plot=path))

    return run


@pytest.mark.parametrize("suffix", [".png", ".SVG"])
def test_the_command_draws_and_may_draw_again(measure, tmp_path, suffix):
    path = tmp_path / f"plot{suffix}"
    measure(path)
    first = path.read_bytes()
    measure(path)
    assert path.read_bytes() == first
    if suffix == ".png":
        assert min(cv2.imread(str(path)).shape[:2]) > 300
    else:
        assert "Dice" in words_of(path)


@pytest.mark.parametrize("name", ["plot.jpg", "plot"])
def test_other_pictures_are_refused(measure, tmp_path, name):
    with pytest.raises(OptionError, match=r"--plot must name a picture of the type \.png or \.svg"):
        measure(tmp_path / name)


def test_a_foreign_picture_is_left_alone(measure, tmp_path):
    (tmp_path / "mine.svg").write_text("<svg/>", encoding="utf-8")
    with pytest.raises(OSError, match="no earlier result"):
        measure(tmp_path / "mine.svg")


def test_one_clip_is_drawn(measure, tmp_path):
    with pytest.raises(OptionError, match="--plot draws one clip; found 2"):
        measure(tmp_path / "plot.png", clips=((PHANTOM, "none"), (PHANTOM, "none")))


def test_without_the_extra_it_is_said_how_to_get_it(measure, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ScrLiveError, match=r"scr-live\[report\]"):
        measure(tmp_path / "plot.png")
