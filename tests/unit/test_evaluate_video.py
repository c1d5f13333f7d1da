"""The whole of `evaluate-video` and `tune`: a clip in, figures out."""

import inspect
import json
from dataclasses import MISSING, fields

import cv2
import numpy as np
import pytest

from scr_live import console
from scr_live.cli.evaluate_video import evaluate_video, tune
from scr_live.engines.constant import ConstantEngine
from scr_live.errors import DataError, OptionError, SourceNotFoundError
from scr_live.evaluation import judged_model
from scr_live.evaluation.judged_model import ModelOptions
from scr_live.evaluation.video import running
from scr_live.evaluation.video.command import VideoConfig, evaluate_videos, split_clip
from scr_live.evaluation.video.running import Watch
from scr_live.evaluation.video.truth import FrameTruth
from scr_live.evaluation.video.truth.opening import find_truth
from scr_live.predictor import Predictor
from scr_live.sources.opening import open_source
from scr_live.tracking.alerts import RULES_S, AlertRule
from scr_live.tracking.following import Tracking, TrackingOptions

CLOSE = "phantom:seed=0,size=160x128,duration=1"
PHANTOM = "phantom:seed=0,size=160x128,duration=0.4"


class Blinking:
    """Marks the middle for 0.4 s, nothing for 0.3 s, and the middle again."""

    def __init__(self):
        self.on, self.off = ConstantEngine(96, 1.0), ConstantEngine(96, 0.0)
        self.info = self.on.info
        self.answered = -1

    def infer(self, image):
        self.answered += 1
        return (self.off if 10 <= self.answered < 17 else self.on).infer(image)


@pytest.fixture
def measure(monkeypatch):
    """With an engine that always marks the middle."""
    monkeypatch.setattr(judged_model, "open_engine", lambda *_, **__: ConstantEngine(96, 1.0))

    def run(*clips, progress=None, **options):
        config = VideoConfig(clips=clips, judged=ModelOptions(engine="constant"), **options)
        return evaluate_videos(config, progress=progress)

    return run


def test_a_clip_without_polyps_has_nothing_but_false_alarms(measure, tmp_path):
    report = measure((PHANTOM.replace("seed=0", "polyps=0"), "none"), json=tmp_path / "r.json")
    told = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert [row["rule_s"] for row in told["rules"]] == list(RULES_S)
    assert [row.false_alarms.count for row in report.rules] == [1, 1, 0, 0, 0]  # one track of 0.36 s
    assert report.rules[0].missed_share is None
    (clip,) = report.clips
    assert (clip.length_s, clip.size, clip.scores[0].frames) == (pytest.approx(0.4), (160, 128), 10)
    assert clip.scores[0].frame_specificity == 0.0
    assert clip.scores[2].frame_specificity == 1.0
    assert told["machine"]["scr-live"]
    assert sum(told["clips"][0]["frame_quality"].values()) == 10


def test_boxes_where_the_marks_are(measure, tmp_path):
    path = tmp_path / "truth.json"
    everywhere = {"bbox": [0, 0, 160, 128], "id": "a"}
    truth = {"width": 160, "height": 128, "fps": 25, "frames": [[]] * 4 + [[everywhere]] * 6}
    path.write_text(json.dumps(truth), encoding="utf-8")
    report = measure((PHANTOM, str(path)))
    rows = report.rules
    assert [row.false_alarms.count for row in rows] == [0] * 5
    assert rows[0].mark_after_median_s == 0.0
    assert rows[1].mark_after_median_s == pytest.approx(0.12)  # 0.28 s after the first frame
    assert [row.missed_share for row in rows] == [0, 0, 1, 1, 1]


def test_without_tracks_there_is_one_rule(measure):
    report = measure((PHANTOM, "none"), follows=False)
    assert [(row.rule_s, row.false_alarms.count) for row in report.rules] == [(0.0, 1)]


def test_several_clips_are_added_up(measure):
    report = measure((PHANTOM, "none"), (PHANTOM, "none"))
    (row, *_) = report.rules
    assert row.false_alarms.count == 2
    assert row.false_alarms.per_minute == pytest.approx(2 / 0.8 * 60)


def dice_of_the_mark(clip, truth, threshold):
    """Mean over the frames with a polyp, by the formula; the mark is a disc in the middle of the field."""
    predictor, dices = Predictor(ConstantEngine(96, 1.0), threshold=lambda: threshold), []
    with open_source(clip) as source:
        for frame in source:
            (polyp,) = predictor.predict(frame).polyps
            mask = truth.at(frame.index).mask
            if mask is not None and mask.any():
                contour = np.rint(polyp.contour).astype(np.int32)
                mark = cv2.fillPoly(np.zeros(mask.shape, np.uint8), [contour], 1) > 0
                dices.append(2 * (mark & mask).sum() / (mark.sum() + mask.sum()))
    return np.mean(dices)


def test_the_phantom_brings_its_masks(measure):
    report = measure((PHANTOM, "phantom"), is_steady=False)
    (clip,) = report.clips
    expected = dice_of_the_mark(PHANTOM, find_truth("phantom", PHANTOM), report.threshold)
    assert clip.scores[0].polyps
    assert 0 < clip.scores[0].mean_dice == pytest.approx(expected)


def test_masks_in_a_truth_file_give_a_dice(measure, tmp_path):
    path = tmp_path / "truth.json"
    left_half = {"mask": {"size": [128, 160], "counts": [0, 128 * 80, 128 * 80]}}
    frames = [[]] * 4 + [[left_half]] * 6
    path.write_text(json.dumps({"width": 160, "height": 128, "fps": 25, "frames": frames}), "utf-8")
    report = measure((PHANTOM, str(path)), is_steady=False)
    expected = dice_of_the_mark(PHANTOM, find_truth(str(path), PHANTOM), report.threshold)
    assert 0 < report.clips[0].scores[0].mean_dice == pytest.approx(expected)


@pytest.mark.parametrize(
    ("size", "frames", "told"),
    [((80, 64), 10, "those of .* have 160x128"), ((160, 128), 9, "has more"), ((160, 128), 11, "has 10")],
)
def test_the_truth_of_another_video(measure, tmp_path, size, frames, told):
    path = tmp_path / "truth.json"
    truth = {"width": size[0], "height": size[1], "fps": 25, "frames": [[]] * frames}
    path.write_text(json.dumps(truth), encoding="utf-8")
    with pytest.raises(DataError, match=told):
        measure((PHANTOM, str(path)))


@pytest.mark.parametrize("clip", ["0", "rtsp://somewhere/stream"])
def test_what_has_no_end_is_refused(measure, clip):
    with pytest.raises(OptionError, match="Expected a video file"):
        measure((clip, "none"))


def test_an_endless_phantom_is_refused(measure):
    with pytest.raises(OptionError, match="without an end"):
        measure(("phantom:duration=endless", "none"))


def test_a_clip_that_is_missing_is_told_before_the_others_are_measured(measure):
    told = []
    with pytest.raises(SourceNotFoundError):
        measure((PHANTOM, "none"), ("missing.mp4", "none"), progress=lambda *now: told.append(now))
    assert told == []


def test_one_pass_follows_as_a_run_under_each_rule_would():
    """A region that is away for 0.3 s goes on if it was announced, and is another one if it was not."""
    watch = Watch(Blinking(), threshold=0.5, is_steady=False)
    followers = {rule: Tracking(TrackingOptions(AlertRule(rule), is_steady=False)) for rule in RULES_S}
    alone = {
        rule: Predictor(Blinking(), threshold=lambda: 0.5, follower=follower)
        for rule, follower in followers.items()
    }
    expected = {rule: [] for rule in RULES_S}
    with open_source(CLOSE) as source:
        for frame in source:
            watch.add(frame, FrameTruth(), 25)
            for rule, predictor in alone.items():
                expected[rule].append([(p.track_id, p.age_s) for p in predictor.predict(frame).polyps])
        run = watch.result(source.info)
    for rule, frames in run.frames.items():
        assert [[(r.track_id, r.age_s) for r in frame.regions] for frame in frames] == expected[rule]
    assert [len({r.track_id for f in frames for r in f.regions}) for frames in run.frames.values()] == [
        *(1, 1),
        *(2, 2, 2),
    ]


def test_every_follower_hears_of_a_frame_that_passes_by(monkeypatch):
    heard = []
    monkeypatch.setattr(Tracking, "pass_by", lambda led, frame: heard.append((led, frame)))
    followers = running._SideBySide(is_steady=True)
    with open_source(PHANTOM) as source:
        frame = next(iter(source))
    followers.pass_by(frame)
    assert len({id(led) for led, _ in heard}) == len(RULES_S)
    assert all(told is frame for _, told in heard)


@pytest.fixture
def folder(tmp_path):
    """Ten frames of a video as pictures."""
    pictures = tmp_path / "frames"
    pictures.mkdir()
    with open_source(PHANTOM) as source:
        for frame in source:
            cv2.imwrite(str(pictures / f"a_{frame.index}.png"), frame.image[..., ::-1])
    return pictures


def test_pictures_are_followed_at_the_rate_of_their_truth_or_of_the_option(measure, folder, tmp_path):
    path = tmp_path / "truth.json"
    path.write_text(json.dumps({"width": 160, "height": 128, "fps": 10, "frames": [[]] * 10}), "utf-8")
    by_truth, by_option, usual = (
        measure((str(folder), truth), **options)
        for truth, options in ((str(path), {}), (str(path), {"fps": 20.0}), ("none", {}))
    )
    assert [report.clips[0].length_s for report in (by_truth, by_option, usual)] == pytest.approx(
        [1, 0.5, 0.4]
    )
    assert [row.false_alarms.count for row in by_truth.rules] == [1, 1, 1, 0, 0]  # one track of 0.9 s
    with pytest.raises(OptionError, match="--fps must be from"):
        measure((str(folder), "none"), fps=0.0)


def test_a_rate_is_for_pictures_alone(measure, folder):
    with pytest.raises(OptionError, match="--fps is for folders of pictures; found phantom"):
        measure((PHANTOM, "none"), fps=20.0)
    report = measure((PHANTOM, "none"), (str(folder), "none"), fps=20.0)
    assert [clip.length_s for clip in report.clips] == pytest.approx([0.4, 0.5])


def test_a_coco_file_is_the_truth_of_a_folder(measure, folder, tmp_path):
    path = tmp_path / "coco.json"
    images = [{"id": at, "file_name": f"a_{at:06d}.jpg", "width": 160, "height": 128} for at in range(10)]
    boxes = [{"image_id": at, "bbox": [0, 0, 160, 128], "unique_id": "a"} for at in range(4, 10)]
    path.write_text(json.dumps({"images": images, "annotations": boxes}), "utf-8")
    report = measure((str(folder), str(path)))
    assert [row.missed_share for row in report.rules] == [0, 0, 1, 1, 1]
    assert report.rules[1].mark_after_median_s == pytest.approx(0.12)


WORDS = (
    "By frame",
    "By polyp",
    "Mean Dice",
    "A false alarm is one track",
    "A false mark may also lie beside",
)


def test_the_terminal_is_told(measure, capsys, tmp_path):
    report = measure((PHANTOM, "phantom"))
    console.tell_video(report, with_clips=True, json=tmp_path / "r.json", plot=tmp_path / "r.png")
    told = capsys.readouterr().out
    assert "1 clip, 0.4 s" in told
    assert all(word in told for word in WORDS)
    assert told.splitlines()[-2:] == [f"figures   {tmp_path / 'r.json'}", f"plot      {tmp_path / 'r.png'}"]


def test_without_files_and_clips_neither_is_told(measure, capsys):
    console.tell_video(measure((PHANTOM, "phantom")), with_clips=False, json=None, plot=None)
    told = capsys.readouterr().out
    assert not any(word in told for word in ("figures ", "plot ", "Specificity"))
    assert told.endswith("95 %.\n")


def test_clips_and_their_truths():
    assert split_clip("phantom:seed=0,duration=20=phantom") == ("phantom:seed=0,duration=20", "phantom")
    for text in ("clip.mp4", "=none", "clip.mp4="):
        with pytest.raises(OptionError, match="CLIP=TRUTH"):
            split_clip(text)


@pytest.mark.parametrize("entry", [evaluate_video, tune])
def test_the_options_have_the_defaults_of_the_config(entry):
    names = {"follows": "tracking", "is_steady": "steady"}
    every = (*fields(VideoConfig), *fields(ModelOptions))
    defaults = {names.get(field.name, field.name): field.default for field in every}
    for name, parameter in inspect.signature(entry).parameters.items():
        if parameter.default is not inspect.Parameter.empty:
            assert defaults[name] is not MISSING
            assert parameter.default == defaults[name]
