"""A whole archive through worker processes, and what is left of it."""

import errno
import threading
from dataclasses import replace

import pytest
from archive_fakes import phantom_clip, results_in, rows_of, tables_of
from tiny_models import write_model

from scr_live.app import RunConfig, run_video
from scr_live.archive import judging
from scr_live.archive.config import ArchiveConfig, Settings, shared_out
from scr_live.archive.engines import EngineKeeper
from scr_live.archive.running import Listeners, archive
from scr_live.errors import DataError, ModelError, OutputExistsError, OutputUnwritableError, SinkError
from scr_live.events import EventKind, Journal

pytest.importorskip("pyarrow", reason="needs pyarrow, of the extra `archive`")


@pytest.fixture
def config(tmp_path):
    """Three clips in which the model sees something everywhere."""
    videos = tmp_path / "videos"
    videos.mkdir()
    for number in range(3):
        phantom_clip(videos / f"clip{number}.mp4", start=40 * number, frames=20 + 5 * number)
    settings = Settings(model=str(write_model(tmp_path, fill=0.9)), engine="openvino", alert_after_s=0.2)
    return ArchiveConfig(videos, tmp_path / "out", settings, workers=2)


def test_the_tables_hold_what_a_run_of_each_file_finds(config):
    report = archive(config)
    assert (report.done_now, report.failed, report.is_complete) == (3, [], True)
    videos, sightings = rows_of(config.out, "videos"), rows_of(config.out, "sightings")
    assert [row["id"] for row in videos] == ["clip0.mp4", "clip1.mp4", "clip2.mp4"]
    for row in videos:
        closed = []
        journal = Journal(
            lambda e, closed=closed: closed.append(e) if e.kind is EventKind.SIGHTING_CLOSED else None
        )
        outcome = run_video(
            RunConfig(
                str(config.source / row["id"]),
                model=config.settings.model,
                engine="openvino",
                alert_after_s=0.2,
                display=False,
            ),
            journal=journal,
        )
        assert (row["frames"], row["sightings"]) == (outcome.stats.captured, outcome.sightings)
        assert row["polyp_frames"] == outcome.stats.polyp_frames == row["frames"]
        assert 0 < row["marked_frames"] < row["frames"], "before it is announced, nothing is marked"
        assert row["good_share"] == pytest.approx(outcome.qualities["good"] / row["frames"])
        assert (row["width"], row["height"], row["fps"]) == (128, 96, 25.0)
        assert row["model_sha256"] == outcome.stats.model_sha256
        assert row["error"] is None
        own = [one for one in sightings if one["video"] == row["id"]]
        assert len(own) == outcome.sightings >= 1
        for found, event in zip(own, closed, strict=True):
            assert {name: event.facts[name] for name in found if name != "video"} == {
                name: value for name, value in found.items() if name != "video"
            }


def test_the_number_of_workers_and_an_interruption_change_nothing(config):
    archive(config)
    alone = replace(config, out=config.out.with_name("alone"), workers=1)
    stop = threading.Event()
    first = archive(alone, listeners=Listeners(ended=lambda _kept, _done: stop.set()), stop=stop)
    assert (first.is_complete, first.done_now) == (False, 1)
    assert not (alone.out / "videos.parquet").exists()
    before = results_in(alone.out)
    second = archive(alone)
    assert (second.is_complete, second.done_now) == (True, 2)
    assert before.items() <= results_in(alone.out).items()
    assert tables_of(alone.out) == tables_of(config.out)


def test_what_is_done_is_not_done_again_unless_the_file_has_changed(config):
    archive(config)
    before = results_in(config.out)
    assert archive(config).done_now == 0
    phantom_clip(config.source / "clip1.mp4", frames=12)
    assert archive(config).done_now == 1
    after = results_in(config.out)
    assert {name for name in after if after[name] != before[name]} == {"clip1.mp4"}
    assert [row["frames"] for row in rows_of(config.out, "videos")] == [20, 12, 30]


def test_a_video_that_is_new_is_added_and_one_that_is_gone_is_left_out(config):
    archive(config)
    phantom_clip(config.source / "clip10.mp4", frames=10)
    (config.source / "clip0.mp4").unlink()
    assert archive(config).done_now == 1
    assert [row["id"] for row in rows_of(config.out, "videos")] == ["clip1.mp4", "clip2.mp4", "clip10.mp4"]


def test_a_damaged_video_is_a_row_with_its_error_and_is_tried_again_if_asked(config, make_clip):
    damaged = config.source / "clip1.mp4"
    damaged.write_bytes(damaged.read_bytes()[:600])
    report = archive(config)
    assert [kept.video.id for kept in report.failed] == ["clip1.mp4"]
    assert [kept.attempts for kept in report.failed] == [1]
    row = rows_of(config.out, "videos")[1]
    assert "Expected a video file" in row["error"]
    assert (row["frames"], row["sightings"], row["engine"]) == (None, None, None)
    page = (config.out / "summary.html").read_text()
    assert "2 done, 1 failed" in page
    assert "Expected a video file" in page
    assert archive(config).done_now == 0
    assert archive(replace(config, retry_failed=True)).done_now == 1


def test_recordings_lie_in_the_folder_and_are_linked(config):
    archive(replace(config, settings=replace(config.settings, record=True)))
    for row in rows_of(config.out, "videos"):
        told = []
        recording = config.out / row["recording"]
        run_video(RunConfig(str(recording), engine="constant", display=False), started=told.append)
        assert told[0].expected_frames == row["frames"]
        assert f'href="{row["recording"]}"' in (config.out / "summary.html").read_text()
    assert len(list((config.out / "recordings").iterdir())) == 3


def test_other_settings_are_refused_until_everything_is_done_anew(config):
    archive(config)
    before = results_in(config.out)
    other = replace(config, settings=replace(config.settings, alert_after_s=0.4))
    with pytest.raises(OutputExistsError, match=r"alert_after_s was 0\.2 and is 0\.4"):
        archive(other)
    assert results_in(config.out) == before
    assert archive(replace(other, force=True)).done_now == 3
    with pytest.raises(OutputExistsError, match="other settings"):
        archive(config)


def test_another_model_under_the_same_name_is_refused(config, tmp_path):
    archive(config)
    write_model(tmp_path, fill=0.8)
    with pytest.raises(OutputExistsError, match="model_sha256 was"):
        archive(config)


def test_a_folder_of_somebody_else_is_left_alone(config):
    config.out.mkdir()
    (config.out / "videos.parquet").write_text("precious")
    for one in (config, replace(config, force=True)):
        with pytest.raises(OutputExistsError, match=r"no scr-live archive has made \(videos\.parquet\)"):
            archive(one)
    assert (config.out / "videos.parquet").read_text() == "precious"


def test_a_folder_left_by_a_kill_at_the_very_start_is_gone_on_with(config):
    config.out.mkdir()
    (config.out / "archive.json.partial").write_text("{")
    archive(config)
    assert len(results_in(config.out)) == 3


def test_a_folder_that_cannot_be_named_is_one_sentence(config):
    with pytest.raises(OutputUnwritableError, match=r"Nothing can be written to|Cannot make the folder"):
        archive(replace(config, out=config.out / ("a" * 300)))


def test_a_full_disk_ends_the_archive_and_is_no_row(config, monkeypatch):
    def full(*_args, **_kwargs):
        raise SinkError("The recording broke off.") from OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(judging, "run_file", full)
    job = judging.Job("a", str(config.source), config.settings, threads=1)
    with pytest.raises(SinkError):
        judging.judge(job, EngineKeeper())


def test_two_archives_cannot_share_a_folder(config):
    refused = []

    def begin_another(_kept, _done):
        with pytest.raises(DataError, match="Another scr-live archive works in"):
            archive(config)
        refused.append(True)

    archive(config, listeners=Listeners(ended=begin_another))
    assert len(refused) == 3


def test_what_fails_every_video_ends_the_archive_and_is_no_row(config):
    asked = replace(config, settings=replace(config.settings, precision="int8"))
    with pytest.raises(ModelError, match="int8"):
        archive(asked)
    assert results_in(config.out) == {}
    assert not (config.out / "videos.parquet").exists()


@pytest.mark.parametrize(
    ("asked", "videos", "shared"),
    [
        ((0, 0), 20, (8, 1)),
        ((0, 0), 3, (3, 2)),
        ((2, 0), 20, (2, 4)),
        ((5, 3), 20, (5, 3)),
        ((0, 0), 0, (1, 8)),
    ],
)
def test_workers_and_their_threads_take_no_more_than_the_cores(monkeypatch, asked, videos, shared):
    monkeypatch.setattr("scr_live.archive.config.usable_cores", lambda: 8)
    assert shared_out(*asked, videos=videos) == shared
