"""Raw recordings: packets as they come from a source that is read in the test's own thread."""

import errno
import itertools
import json
import shutil
import threading
import time

import av
import numpy as np
import pytest
from peers.process import Peer
from recording_fakes import Film, first_packet, small_disk, told

from scr_live.app.config import RunConfig
from scr_live.app.run import run_video
from scr_live.errors import OptionError, OutputExistsError, OutputUnwritableError
from scr_live.events import Journal
from scr_live.frames import Frame, Picture, Signal
from scr_live.sinks.crash_safe import CrashSafeFile
from scr_live.sinks.options import RecorderOptions, Segment
from scr_live.sinks.raw import raw_recording_for
from scr_live.sinks.raw_packets import RawPacketRecorder
from scr_live.sinks.raw_part import Arrival, PacketClock
from scr_live.sinks.space import DiskWatch

GOP = {"g": "10", "keyint_min": "10", "sc_threshold": "0"}


@pytest.fixture
def film(numbered, number_in):
    return Film(numbered, number_in)


@pytest.fixture
def camera(make_clip, tmp_path):
    """A clip of 60 numbered frames, a key frame every ten, in a folder that is not recorded to."""
    folder = tmp_path / "camera"
    folder.mkdir()
    return make_clip(folder / "camera.mp4", 60, options=GOP)


@pytest.fixture
def out(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def feed(recorder, clip, first=0, stop=None):
    """Hand over packets as the reader of a source does, and close the source."""
    with av.open(str(clip)) as container:
        recorder.begin(container.streams.video[0])
        for packet in itertools.islice(container.demux(video=0), first, stop):
            recorder.packet(packet)
    recorder.end()


def packets_of(path):
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def times_of(path):
    with av.open(str(path)) as container:
        return [frame.time for frame in container.decode(video=0)]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_the_packets_are_copied_and_the_file_is_whole(film, camera, out, suffix):
    journal = Journal()
    with RawPacketRecorder(out / f"raw{suffix}", journal=journal) as recorder:
        feed(recorder, camera)
    assert recorder.paths == [out / f"raw{suffix}"]
    assert packets_of(recorder.path) == packets_of(camera)
    assert film.numbers(recorder.path) == list(range(60))
    assert times_of(recorder.path) == pytest.approx(
        times_of(camera), abs=0.1
    )  # shifted by the B-frames' delay
    assert np.diff(times_of(recorder.path)) == pytest.approx(0.04, abs=0.002)
    assert recorder.problems == []
    (begun,), (ended,) = told(journal, "recording-started"), told(journal, "recording-ended")
    assert begun.facts == {"path": str(recorder.path), "cause": "start"}
    assert (ended.facts["frames"], ended.facts["bytes"]) == (60, recorder.path.stat().st_size)


@pytest.mark.parametrize("codec", ["mpeg2video", "mjpeg", "libx265"])
def test_other_codecs_are_copied_too(film, make_clip, tmp_path, out, codec):
    form = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    clip = make_clip(tmp_path / "camera.mkv", 12, codec=codec, pix_fmt=form)
    with RawPacketRecorder(out / "raw.mp4") as recorder:
        feed(recorder, clip)
    assert film.numbers(recorder.path) == list(range(12))


def test_a_transport_stream_becomes_an_ordinary_mp4(film, make_clip, tmp_path, out):
    clip = make_clip(tmp_path / "camera.ts", 30, container_format="mpegts", options={**GOP, "bf": "2"})
    with RawPacketRecorder(out / "raw.mp4") as recorder:
        feed(recorder, clip)
    assert film.numbers(recorder.path) == list(range(30))


def test_it_begins_with_a_key_frame(film, camera, out):
    with RawPacketRecorder(out / "raw.mp4") as recorder:
        feed(recorder, camera, 13)
    assert film.numbers(recorder.path) == list(range(20, 60))
    assert first_packet(recorder.path).is_keyframe
    assert recorder.packets_dropped == 0
    assert recorder.problems == []


def test_each_reconnect_begins_a_new_file(film, camera, out):
    journal = Journal()
    with RawPacketRecorder(out / "raw.mp4", journal=journal) as recorder:
        feed(recorder, camera, 0, 20)
        feed(recorder, camera, 25, 40)
    assert [path.name for path in recorder.paths] == ["raw.mp4", "raw-0002.mp4"]
    assert [film.numbers(path) for path in recorder.paths] == [list(range(20)), list(range(30, 40))]
    assert [event.facts["cause"] for event in told(journal, "recording-started")] == ["start", "reconnect"]


def test_a_codec_that_does_not_fit_goes_into_mkv_and_it_is_said(film, make_clip, tmp_path, out):
    clip = make_clip(tmp_path / "camera.mkv", 10, codec="libvpx")
    with RawPacketRecorder(out / "raw.mp4") as recorder:
        feed(recorder, clip)
    assert recorder.paths == [out / "raw.mkv"]
    assert film.numbers(recorder.path) == list(range(10))
    (problem,) = recorder.problems
    assert "mp4 files cannot hold" in problem
    assert str(out / "raw.mkv") in problem


def test_nothing_read_leaves_nothing(camera, out):
    with RawPacketRecorder(out / "raw.mp4") as recorder:
        feed(recorder, camera, 0, 0)
    assert list(out.iterdir()) == []
    assert recorder.takes_packets


def test_segments_lose_no_packet(camera, out):
    options = RecorderOptions(segment=Segment(duration_s=1))
    with RawPacketRecorder(out / "raw.mp4", options) as recorder:
        feed(recorder, camera)
    assert [path.name for path in recorder.paths] == ["raw-0001.mp4", "raw-0002.mp4"]
    assert [packet for path in recorder.paths for packet in packets_of(path)] == packets_of(camera)
    assert all(first_packet(path).is_keyframe for path in recorder.paths)


# --- a disk that is slow, full or gone --------------------------------------------------------------------


def test_a_slow_disk_holds_up_nobody_and_the_gap_is_told(film, make_clip, out, monkeypatch):
    camera = make_clip(out.with_name("camera.mp4"), 200, options={**GOP, "bf": "0"})
    disk_answers = threading.Event()

    class SlowDisk(CrashSafeFile):
        def write(self, data):
            assert disk_answers.wait(30)
            return super().write(data)

    monkeypatch.setattr("scr_live.sinks.muxing.CrashSafeFile", SlowDisk)
    journal = Journal()
    room = len(packets_of(camera)[0]) + 1  # for a key frame and no more
    with RawPacketRecorder(out / "raw.mp4", journal=journal, most_bytes=room) as recorder:
        feed(recorder, camera)
        disk_answers.set()
    dropped = recorder.packets_dropped
    assert dropped > 0
    kept = film.numbers(recorder.path)
    assert len(kept) + dropped == 200
    assert all(after == before + 1 or after % 10 == 0 for before, after in itertools.pairwise(kept))
    assert sum(event.facts["packets"] for event in told(journal, "recording-gap")) == dropped
    assert f"{dropped} packets are missing" in recorder.problems[0]


def test_a_disk_that_never_answers_does_not_hold_up_the_end(camera, out, monkeypatch):
    hangs, let_go = threading.Event(), threading.Event()
    write = CrashSafeFile.write

    def hang(file, data):
        hangs.set()
        assert let_go.wait(20)
        return write(file, data)

    monkeypatch.setattr(CrashSafeFile, "write", hang)
    monkeypatch.setattr("scr_live.sinks.finishing._PATIENCE_S", 0.1)
    recorder = RawPacketRecorder(out / "raw.mp4")
    feed(recorder, camera)
    assert hangs.wait(20)
    with pytest.raises(OutputUnwritableError, match="the disk has not answered"), recorder:
        pass
    let_go.set()


@pytest.mark.parametrize(("suffix", "size"), [(".mp4", 10), (".mp4", 9000), (".mov", 9000), (".mkv", 5000)])
def test_a_full_disk_goes_on_elsewhere_and_no_frame_is_missing(film, camera, suffix, size, monkeypatch):
    first, second = (camera.parent.with_name(name) for name in ("first", "second"))
    first.mkdir()
    second.mkdir()
    monkeypatch.setattr("scr_live.sinks.muxing.CrashSafeFile", small_disk(first, size))
    with RawPacketRecorder(first / f"raw{suffix}", RecorderOptions(fallback=second)) as recorder:
        feed(recorder, camera)
    path, last = first / f"raw{suffix}", second / f"raw-0002{suffix}"
    assert recorder.paths == ([path, last] if size > 10 else [last])
    later = film.numbers(last)
    assert later == list(range(later[0], 60))
    assert later[0] % 10 == 0
    (problem,) = recorder.problems
    assert "No space left" in problem
    if path in recorder.paths:
        kept = film.numbers(path)
        assert kept == list(range(len(kept)))
        assert len(kept) == later[0] or (suffix == ".mkv" and len(kept) > later[0])  # some may be in both
        assert f"Its first {len(kept)} frames are safe and readable" in problem


def test_memory_bounds_what_is_kept_and_then_it_goes_on_with_the_next_key_frame(film, camera, monkeypatch):
    monkeypatch.setattr("scr_live.sinks.raw_part._KEPT_BYTES", 1)
    first, second = (camera.parent.with_name(name) for name in ("first", "second"))
    first.mkdir()
    second.mkdir()
    monkeypatch.setattr("scr_live.sinks.muxing.CrashSafeFile", small_disk(first, 7000))
    with RawPacketRecorder(first / "raw.mp4", RecorderOptions(fallback=second)) as recorder:
        feed(recorder, camera)
    kept, later = packets_of(recorder.paths[0]), film.numbers(recorder.paths[1])
    assert kept == packets_of(camera)[: len(kept)]
    assert later == list(range(later[0], 60))
    assert later[0] % 10 == 0
    assert later[0] > len(kept)


def test_an_end_that_the_disk_does_not_confirm_is_saved_elsewhere(film, camera, out, monkeypatch):
    second = out.with_name("second")
    second.mkdir()

    class NeverConfirms(CrashSafeFile):
        def sync(self):
            pass

        def finish(self):
            if self.path.parent == out:
                raise OSError(errno.EIO, "Input/output error")
            super().finish()

    monkeypatch.setattr("scr_live.sinks.muxing.CrashSafeFile", NeverConfirms)
    with RawPacketRecorder(out / "raw.mp4", RecorderOptions(fallback=second)) as recorder:
        feed(recorder, camera)
    assert recorder.paths == [second / "raw-0002.mp4"]
    assert film.all_numbers(recorder.paths) == list(range(60))
    assert list(out.iterdir()) == []
    assert recorder.packets_written == 60


def test_a_full_disk_without_a_fallback_is_an_error_at_the_end(camera, out, monkeypatch):
    monkeypatch.setattr("scr_live.sinks.muxing.CrashSafeFile", small_disk(out, 4000))
    recorder = RawPacketRecorder(out / "raw.mp4")
    with pytest.raises(OutputUnwritableError, match="No space left"), recorder:
        feed(recorder, camera)
    kept = packets_of(out / "raw.mp4")
    assert kept
    assert kept == packets_of(camera)[: len(kept)]
    assert f"first {len(kept)} frames are safe" in recorder.problems[0]


@pytest.mark.parametrize("kind", ["stream", "phantom"])
def test_a_folder_that_is_missing_at_the_start_sends_it_to_the_fallback(film, camera, out, tmp_path, kind):
    options, journal = RecorderOptions(fallback=out), Journal()
    with raw_recording_for(kind, tmp_path / "gone" / "raw.mp4", options, journal=journal) as raw:
        if raw.tap:
            feed(raw.tap, camera)
        else:
            raw.write(marked(film, 0))
    assert raw.paths == [out / "raw.mp4"]
    assert film.numbers(out / "raw.mp4")[0] == 0
    (problem,) = raw.problems
    assert "gone does not exist" in problem
    assert problem.endswith(f"The recording goes to {out} instead.")
    (failed,) = told(journal, "recording-failed")
    assert failed.facts["path"] == str(tmp_path / "gone" / "raw.mp4")
    assert [event.facts["cause"] for event in told(journal, "recording-started")] == ["fallback"]


def test_an_uncompressed_camera_says_once_that_it_begins_in_the_fallback(film, out, tmp_path):
    options = RecorderOptions(fallback=out)
    with raw_recording_for("camera", tmp_path / "gone" / "raw.mp4", options) as raw:
        raw.tap.takes_packets = False
        raw.write(marked(film, 0))
    assert raw.paths == [out / "raw.mp4"]
    assert len(raw.problems) == 1


def test_an_mkv_that_was_there_before_is_left_alone(make_clip, tmp_path, out):
    (out / "raw.mkv").write_bytes(b"precious")
    clip = make_clip(tmp_path / "camera.mkv", 10, codec="libvpx")
    with RawPacketRecorder(out / "raw.mp4", RecorderOptions(force=True)) as recorder:
        feed(recorder, clip)
    assert recorder.paths == [out / "raw-0001.mkv"]
    assert (out / "raw.mkv").read_bytes() == b"precious"


def until_it_fails(recorder):
    """Wait for the writer's thread; what it takes is an event or an error, and comes soon."""
    while recorder.failure is None:
        time.sleep(0.001)


def test_a_failure_is_raised_by_the_next_write_and_not_once_more_at_the_end(film, camera, out, monkeypatch):
    monkeypatch.setattr("scr_live.sinks.muxing.CrashSafeFile", small_disk(out, 4000))
    with raw_recording_for("stream", out / "raw.mp4") as raw:
        raw.write(marked(film, 0))
        feed(raw.tap, camera)
        until_it_fails(raw.tap)
        with pytest.raises(OutputUnwritableError, match="No space left"):
            raw.write(marked(film, 1))
    (problem,) = raw.problems
    assert "No space left" in problem
    assert raw.written == len(packets_of(out / "raw.mp4"))


def test_at_the_end_it_does_not_hide_another_error(camera, out, monkeypatch):
    monkeypatch.setattr("scr_live.sinks.muxing.CrashSafeFile", small_disk(out, 4000))
    with pytest.raises(KeyError) as caught, raw_recording_for("stream", out / "raw.mp4") as raw:  # noqa: PT012 - the order counts
        feed(raw.tap, camera)
        raise KeyError("elsewhere")
    assert "No space left" in caught.value.__notes__[0]


def test_packets_of_which_no_file_holds_any_are_an_error(camera, out):
    raw = raw_recording_for("stream", out / "raw.mp4")
    with pytest.raises(OutputUnwritableError, match=r"holds nothing: 5 packets came.*key frame"), raw:
        feed(raw.tap, camera, 1, 6)
    assert "holds nothing" in raw.problems[0]
    assert list(out.iterdir()) == []


def test_it_counts_what_its_files_hold_and_not_the_pictures_that_passed_by(film, camera, out):
    with raw_recording_for("stream", out / "raw.mp4") as raw:
        for index in range(5):
            raw.write(marked(film, index))
        assert raw.written == 0
        feed(raw.tap, camera)
    assert raw.written == 60
    with raw_recording_for("phantom", out / "frames.mp4", size=(64, 48)) as raw:
        raw.write(marked(film, 0))
        raw.write(marked(film, 1, signal=Signal.LOST))
    assert raw.written == 1


def test_a_disk_that_runs_low_is_told(camera, out, monkeypatch):
    journal, clock = Journal(), itertools.count(step=5)
    disk = DiskWatch(look=lambda _: 1, now=lambda: float(next(clock)))
    with RawPacketRecorder(out / "raw.mp4", journal=journal, disk=disk) as recorder:
        feed(recorder, camera)
    (low,) = told(journal, "disk-low")
    assert (low.facts["folder"], low.facts["free_bytes"]) == (str(out), 1)
    assert low.facts["hours_left"] < 0.25


def test_a_folder_that_is_gone_is_an_error_at_the_end(camera, out):
    recorder = RawPacketRecorder(out / "raw.mp4")
    with pytest.raises(OutputUnwritableError, match="No such file"), recorder:  # noqa: PT012 - the order counts
        shutil.rmtree(out)
        feed(recorder, camera)


def test_paths_are_checked_beforehand(out):
    (out / "raw.mp4").write_bytes(b"precious")
    with pytest.raises(OutputExistsError):
        RawPacketRecorder(out / "raw.mp4")
    with pytest.raises(OptionError, match="named"):
        RawPacketRecorder(out / "raw.avi")


# --- times ------------------------------------------------------------------------------------------------


def arrival(time_s, arrived_s=0.0, *, pts_s=None):
    return Arrival(av.Packet(1), time_s if pts_s is None else pts_s, time_s, arrived_s)


def placed_s(arrivals):
    clock = PacketClock()
    return [clock.place(each)[1] / 90_000 for each in arrivals]


def test_times_begin_at_zero_and_keep_their_distances():
    times = [100.0, 100.04, 100.1, 100.1, 100.06]
    placed = placed_s([arrival(time_s) for time_s in times])
    assert placed == pytest.approx([0, 0.04, 0.1, 0.1, 0.1], abs=0.001)
    assert placed == sorted(set(placed))


@pytest.mark.parametrize("jump_to_s", [0.0, 50.0, 90_000.0])
def test_a_clock_that_jumps_goes_on_after_what_really_passed(jump_to_s):
    arrivals = [arrival(100 + n / 25, n / 25) for n in range(5)]
    arrivals += [arrival(jump_to_s + n / 25, 3 + n / 25) for n in range(3)]
    placed = placed_s(arrivals)
    assert placed[5:] == pytest.approx([3.0, 3.04, 3.08], abs=0.001)


def test_without_times_the_arrival_counts():
    clock = PacketClock()
    arrivals = [Arrival(av.Packet(1), None, None, 7 + n / 25) for n in range(3)]
    assert [clock.place(each) for each in arrivals] == [(0, 0), (3600, 3600), (7200, 7200)]


def test_frames_that_are_shown_in_another_order_stay_so():
    clock = PacketClock()
    shown_s = (0.08, 0.20, 0.12)
    placed = [clock.place(arrival(n / 25, pts_s=pts_s))[0] for n, pts_s in enumerate(shown_s)]
    assert [ticks / 90_000 for ticks in placed] == pytest.approx(shown_s)


# --- which way --------------------------------------------------------------------------------------------


def marked(film, index, *, signal=Signal.OK, size=(64, 48)):
    picture = film.picture(index, size=size)
    frame = Frame(picture.image, index, index / 25, 0.0, signal)
    return Picture(frame, None, np.zeros_like(picture.image))


def test_a_source_without_packets_has_its_frames_recorded_unmarked(film, out):
    with raw_recording_for("phantom", out / "raw.mp4", size=(64, 48)) as raw:
        assert raw.tap is None
        for index in range(10):
            lost = Signal.LOST if index in (4, 5) else Signal.OK
            raw.write(marked(film, index, signal=lost))
    assert film.all_numbers(raw.paths) == [0, 1, 2, 3, 6, 7, 8, 9]
    assert times_of(raw.paths[0])[4] == pytest.approx(0.24)
    with av.open(str(raw.paths[0])) as container:
        assert "Recorded by" in container.metadata["comment"]


def test_a_compressed_source_has_its_packets_recorded_and_no_frame(film, camera, out):
    with raw_recording_for("stream", out / "raw.mp4") as raw:
        raw.write(marked(film, 0))
        feed(raw.tap, camera)
        raw.write(marked(film, 1))
    assert raw.paths == [out / "raw.mp4"]
    assert packets_of(raw.paths[0]) == packets_of(camera)


def test_an_uncompressed_camera_has_its_frames_recorded(film, make_clip, tmp_path, out):
    camera = make_clip(tmp_path / "camera.nut", 5, codec="rawvideo", container_format="nut")
    with raw_recording_for("camera", out / "raw.mp4") as raw:
        feed(raw.tap, camera)
        for index in range(10):
            raw.write(marked(film, index))
    assert film.all_numbers(raw.paths) == list(range(10))
    assert raw.problems == []


def test_frames_are_encoded_as_what_is_known_of_the_source_asks(film, out):
    raw = raw_recording_for("phantom", out / "raw.mp4", size=(64, 48))
    raw.about(nominal_fps=8, is_live=True, size=(64, 48))
    with raw:
        raw.write(marked(film, 0))
    with av.open(str(out / "raw.mp4")) as container:
        assert container.duration / av.time_base == pytest.approx(1 / 8)
        assert b"rc_lookahead=1 " in (out / "raw.mp4").read_bytes()


def test_frames_of_a_live_source_get_the_preset_of_one(film, out, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    raw = raw_recording_for("camera", out / "raw.mp4")
    raw.about(nominal_fps=60, is_live=True, size=(1920, 1080))
    with raw:
        raw.tap.takes_packets = False
        raw.write(marked(film, 0, size=(1920, 1080)))
    assert b" cabac=0 " in (out / "raw.mp4").read_bytes()  # so is ultrafast alone


def test_a_file_is_its_own_raw_recording(out):
    with pytest.raises(OptionError, match="raw recording itself"):
        raw_recording_for("file", out / "raw.mp4")


# --- in a run ---------------------------------------------------------------------------------------------


@pytest.fixture
def address(free_port):
    with Peer("ts_server.py", port=free_port):
        yield f"tcp://127.0.0.1:{free_port}"


def test_a_run_that_only_records_raw_ends_when_that_fails(address, out, monkeypatch):
    monkeypatch.setattr("scr_live.sinks.muxing.CrashSafeFile", small_disk(out, 4000))
    stats = out.with_name("stats.json")
    config = RunConfig(
        address, engine="constant", display=False, record_raw=out / "raw.mp4", stats=stats, keep_margins=True
    )
    journal, seen = Journal(), []
    with pytest.raises(OutputUnwritableError, match="No space left") as caught:
        run_video(config, progress=seen.append, journal=journal)
    assert caught.value.__notes__ == ["Pipeline stage: raw-recorder"]
    assert caught.value.__context__ is not caught.value
    told_at_the_end = json.loads(stats.read_text())["recording"]
    assert told_at_the_end["files"] == [str(out / "raw.mp4")]
    assert ["No space left" in problem for problem in told_at_the_end["problems"]] == [True]
    assert len(told(journal, "recording-failed")) == 1


def test_two_recordings_are_ended_at_the_same_time(address, out, monkeypatch):
    both = threading.Barrier(2)

    class EndsWithTheOther(CrashSafeFile):
        def finish(self):
            both.wait(30)
            super().finish()

    monkeypatch.setattr("scr_live.sinks.muxing.CrashSafeFile", EndsWithTheOther)
    config = RunConfig(
        address,
        engine="constant",
        display=False,
        record=out / "out.mp4",
        record_raw=out / "raw.mp4",
        keep_margins=True,
        max_frames=30,
    )
    outcome = run_video(config)
    assert outcome.recordings == (out / "out.mp4", out / "raw.mp4")
    assert len(packets_of(out / "out.mp4")) > 0


def test_beside_another_recording_the_failure_is_said_in_the_picture(address, out, monkeypatch):
    monkeypatch.setattr("scr_live.sinks.muxing.CrashSafeFile", small_disk(out, 4000))
    annotated = out.with_name("annotated")
    annotated.mkdir()
    config = RunConfig(
        address,
        engine="constant",
        display=False,
        record=annotated / "out.mp4",
        record_raw=out / "raw.mp4",
        keep_margins=True,
    )
    stop = threading.Event()

    def look(now):
        if "raw-recorder failed" in now.status:
            stop.set()

    with pytest.raises(OutputUnwritableError, match=r"raw recording .* failed"):
        run_video(config, progress=look, stop=stop)
    assert stop.is_set()
    assert len(packets_of(annotated / "out.mp4")) > 0
