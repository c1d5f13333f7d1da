"""Streams and cameras: no read blocks for ever, no password shows, nothing stays behind."""

import socket
import struct
import sys
import threading
from contextlib import suppress
from itertools import islice

import av
import numpy as np
import pytest

from scr_live.errors import (
    OptionError,
    SourceChangedError,
    SourceError,
    SourceLostError,
    SourceNotFoundError,
    SourceTimeoutError,
    SourceUnreadableError,
)
from scr_live.sources import live
from scr_live.sources.camera import Device, device_for, open_camera, open_device
from scr_live.sources.handoff import Handoff
from scr_live.sources.live import LiveSource, LiveTarget
from scr_live.sources.opening import SourceOptions, kind_of, open_source
from scr_live.sources.reading import Reader, readers_left_behind
from scr_live.sources.stream import redact, settings_for

PATIENT = SourceOptions()  # where no time-out is to be seen: a busy machine shall not show one
SOON_SILENT = SourceOptions(read_timeout_s=0.3)
IMPATIENT = SourceOptions(open_timeout_s=0.8, read_timeout_s=0.3)


@pytest.fixture
def transport_stream(tmp_path, make_clip):
    path = make_clip(tmp_path / "s.ts", 30, options={"g": "5", "bf": "0", "preset": "ultrafast"})
    return path.read_bytes()


@pytest.mark.parametrize(("scheme", "http"), [("tcp", False), ("http", True)])
def test_frames_come_until_silence_which_is_a_timeout(transport_stream, loopback, scheme, http):
    with (
        loopback(transport_stream, http=http) as server,
        open_source(f"{scheme}://127.0.0.1:{server.port}", SOON_SILENT) as source,
    ):
        assert source.info.is_live
        frames = iter(source)
        assert next(frames).image.shape == (48, 64, 3)
        with pytest.raises(SourceTimeoutError, match=r"0\.3 s"):
            list(frames)


@pytest.mark.parametrize(("scheme", "http"), [("tcp", False), ("http", True)])
def test_a_live_stream_that_hangs_up_is_lost(transport_stream, loopback, scheme, http):
    with (
        loopback(transport_stream, http=http, hang_up=True) as server,
        open_source(f"{scheme}://127.0.0.1:{server.port}", PATIENT) as source,
        pytest.raises(SourceLostError),
    ):
        list(source)


@pytest.mark.parametrize("scheme", ["tcp", "http", "rtsp"])
def test_a_server_that_accepts_and_stays_silent_times_out(loopback, scheme):
    with loopback() as server, pytest.raises(SourceTimeoutError):
        open_source(f"{scheme}://127.0.0.1:{server.port}/x", IMPATIENT)


@pytest.mark.parametrize("scheme", ["tcp", "http", "rtsp", "https", "rtsps", "HTTP", "Rtsp"])
def test_an_address_nobody_listens_on_is_not_found(free_port, scheme):
    with pytest.raises(SourceNotFoundError) as caught:
        open_source(f"{scheme}://user:hunter2@127.0.0.1:{free_port}/x?token=hunter2", PATIENT)
    assert "hunter2" not in "".join(map(str, (caught.value, caught.value.__cause__)))
    assert f"127.0.0.1:{free_port}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_nothing_over_udp_times_out(free_port):
    with pytest.raises(SourceTimeoutError):
        open_source(f"udp://127.0.0.1:{free_port}", IMPATIENT)


@pytest.mark.parametrize("answer", [b"", b"this is no video " * 500])
def test_what_is_no_video_is_a_source_error(loopback, answer):
    with loopback(answer, hang_up=True) as server, pytest.raises(SourceError):
        open_source(f"tcp://127.0.0.1:{server.port}", PATIENT)


def test_a_live_stream_that_changes_its_size_is_lost(tmp_path, make_clip, transport_stream, loopback):
    larger = make_clip(tmp_path / "l.ts", 30, width=96, options={"g": "5", "bf": "0"}).read_bytes()
    with (
        loopback(transport_stream + larger) as server,
        open_source(f"tcp://127.0.0.1:{server.port}", PATIENT) as source,
        pytest.raises(SourceChangedError, match=r"64x48 .* 96x48"),
    ):
        list(source)


def test_a_malformed_address_is_refused():
    with pytest.raises(SourceUnreadableError, match="malformed"):
        open_source("rtsp://[oops/x")


def test_a_recording_behind_an_address_is_no_live_source(tmp_path, make_clip, loopback, number_in):
    path = make_clip(tmp_path / "r.mp4", 40, container_options={"movflags": "faststart"})
    with (
        loopback(path.read_bytes(), http=True, hang_up=True) as server,
        open_source(f"http://me:hunter2@127.0.0.1:{server.port}/r.mp4", PATIENT) as source,
    ):
        frames = list(source)
    assert [number_in(f.image) for f in frames] == list(range(40))
    assert not source.info.is_live
    assert source.info.frame_count == 40
    assert source.info.name == f"http://127.0.0.1:{server.port}/r.mp4"


def test_a_remote_playlist_cannot_read_local_files(tmp_path, make_clip, loopback):
    local = make_clip(tmp_path / "private.ts", 5)
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile://{local}\n#EXT-X-ENDLIST\n".encode()
    with loopback(playlist, http=True, hang_up=True) as server, pytest.raises(SourceError):
        open_source(f"http://127.0.0.1:{server.port}/x.m3u8", PATIENT)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("rtsp://me:p@ss@host:554/cam?key=1#x", "rtsp://host:554/cam"),
        ("http://host/a/b.ts", "http://host/a/b.ts"),
        ("udp://239.0.0.1:1234", "udp://239.0.0.1:1234"),
    ],
)
def test_names_carry_no_secret(url, name):
    assert redact(url) == name


def test_a_driver_that_hangs_is_timed_out_and_reported():
    let_go = threading.Event()

    def hang(_):
        let_go.wait()
        raise SourceUnreadableError("released")

    try:
        with pytest.raises(SourceTimeoutError) as caught:
            LiveSource(LiveTarget("camera", "stuck camera", hang, open_timeout_s=0.05, read_timeout_s=0.05))
        assert "stuck camera" in str(caught.value)
        assert any("did not let go" in note for note in caught.value.__notes__)
    finally:
        let_go.set()


class Stuttering:
    """A container whose device has nothing yet after each packet, as FFmpeg says when it must not block."""

    def __init__(self, inner):
        self._inner = inner
        self._packets = None
        self.refused = 0

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._inner.close()

    def demux(self):
        self._packets = self._packets or self._inner.demux()
        for packet in self._packets:
            yield packet
            self.refused += 1
            raise BlockingIOError


class Hanging(Stuttering):
    """A container whose driver hangs after the first packet, however long nobody wants more."""

    def __init__(self, inner, let_go):
        super().__init__(inner)
        self._let_go = let_go

    def demux(self):
        yield next(self._inner.demux())
        self._let_go.wait()


class Flushing(Stuttering):
    """A container that gives out its last packet when its time-out strikes, as FFmpeg's parsers do."""

    def demux(self):
        packets = self._inner.demux()
        yield next(packets)
        threading.Event().wait(1.2)
        yield next(packets)
        raise av.error.ExitError(1, "Immediate exit requested")


def test_what_ffmpeg_still_had_when_its_time_out_struck_is_no_new_picture():
    device = Flushing(av.open("testsrc=size=64x48:rate=25", format="lavfi"))
    reader = Reader(LiveTarget("stream", "scope", lambda _: device, 5, 1.0))
    assert reader.frames.take(5) is not None
    with pytest.raises(SourceTimeoutError):
        reader.frames.take(5)
    assert not reader.receives
    assert reader.wait_gone(5)


def test_closing_does_not_wait_for_a_driver_that_hangs():
    let_go = threading.Event()
    device = Hanging(av.open("testsrc=size=64x48:rate=25", format="lavfi"), let_go)
    source = LiveSource(LiveTarget("camera", "hanging", lambda _: device, 5, 5))
    try:
        before = readers_left_behind()
        source.close()
        assert readers_left_behind() == before + 1  # it returned before the reader did
        assert list(source) == []
    finally:
        let_go.set()


@pytest.mark.parametrize(("read_timeout_s", "hangs"), [(30, False), (0.2, True)])
def test_only_what_is_overdue_is_said_to_hang(monkeypatch, read_timeout_s, hangs):
    """A slow source whose next picture is merely awaited lets go when it comes: that is no hang."""
    monkeypatch.setattr(live, "RELEASE_S", 0.3)
    let_go = threading.Event()
    device = Hanging(av.open("testsrc=size=64x48:rate=25", format="lavfi"), let_go)
    target = LiveTarget("camera", "scope", lambda _: device, 5, read_timeout_s)
    try:
        with LiveSource(target) as source:
            pass
        assert any("did not let go" in warning for warning in source.warnings) == hangs
    finally:
        let_go.set()


def test_a_consumer_that_was_away_is_no_silence(tmp_path, make_clip, loopback):
    """A recording waits for its consumer, so that nothing is received meanwhile."""
    clip = make_clip(tmp_path / "r.mp4", 120, container_options={"movflags": "faststart"})
    with (
        loopback(clip.read_bytes(), http=True, hang_up=True) as server,
        open_source(f"http://127.0.0.1:{server.port}/r.mp4", SOON_SILENT) as source,
    ):
        frames = iter(source)
        next(frames)
        threading.Event().wait(2 * SOON_SILENT.read_timeout_s)
        assert len(list(frames)) == 119


@pytest.fixture
def video_then_sound(tmp_path):
    """Half a second of video, within and followed by eight seconds of sound."""
    path = tmp_path / "v.ts"
    silence = np.zeros((1, 1152), np.int16)
    with av.open(path, "w") as container:
        video = container.add_stream("libx264", rate=25, options={"g": "5", "preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("mp2", rate=48000, layout="mono")
        for number in range(8 * 42):
            if number < 12:
                picture = np.full((48, 64, 3), number * 20, np.uint8)
                container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            elif number == 12:
                container.mux(video.encode())
            frame = av.AudioFrame.from_ndarray(silence, format="s16", layout="mono")
            frame.sample_rate, frame.pts = 48000, number * 1152
            container.mux(sound.encode(frame))
    return path.read_bytes()


def test_a_picture_that_stays_away_while_sound_goes_on_is_a_silence_and_is_let_go(video_then_sound):
    listener = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()

    def serve():
        with listener.accept()[0] as connection, suppress(OSError):
            step = len(video_then_sound) // 400
            for start in range(0, len(video_then_sound), step):
                connection.sendall(video_then_sound[start : start + step])
                if stopped.wait(0.02):
                    return

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with open_source(f"tcp://127.0.0.1:{listener.getsockname()[1]}", SOON_SILENT) as source:
            with pytest.raises(SourceTimeoutError, match=r"none came for 0\.3 s"):
                list(source)
            assert thread.is_alive()  # it still sends
        assert source._reader.wait_gone(0)
        assert source.warnings == []
    finally:
        stopped.set()
        thread.join()
        listener.close()


def test_a_slow_source_may_be_silent_for_three_of_its_intervals():
    device = Device("lavfi", "testsrc=size=64x48:rate=2")
    with open_device(device, "slow", SOON_SILENT) as source:
        assert source._reader.silence_s == 1.5
        assert next(iter(source)).index == 0


def test_an_address_in_the_words_of_ffmpeg():
    rtsp = settings_for("rtsp://host/x", SourceOptions(transport="udp"))
    assert rtsp["rtsp_transport"] == "udp"
    assert "timeout" not in rtsp
    datagrams = settings_for("udp://239.0.0.1:1234", SourceOptions(connect_timeout_s=0.2, read_timeout_s=2))
    assert datagrams["overrun_nonfatal"] == "1"
    assert datagrams["timeout"] == "2000000"  # a read may take as long
    assert "rtsp_transport" not in datagrams


def test_an_endless_device_is_live():
    with open_device(Device("lavfi", "testsrc=size=64x48:rate=25"), "pattern", PATIENT) as source:
        assert (source.info.kind, source.info.is_live, source.info.name) == ("camera", True, "pattern")
        assert (source.info.width, source.info.height) == (64, 48)
        assert [f.index for f in islice(source, 5)] == list(range(5))


def test_a_device_that_breaks_off_is_lost():
    device = Device("lavfi", "testsrc=size=64x48:rate=25:duration=1")
    with open_device(device, "pattern", PATIENT) as source, pytest.raises(SourceLostError, match="pattern"):
        list(source)


def test_a_device_that_refuses_says_what_was_asked():
    device = Device("lavfi", "nonsense", (("video_size", "7x7"),))
    with pytest.raises(SourceUnreadableError, match=r"pattern through lavfi with video_size 7x7"):
        open_device(device, "pattern", PATIENT)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no camera is a file")
@pytest.mark.parametrize("spec", ["/dev/video987", "987", "camera:abc", "camera:" + "x" * 5000])
def test_a_missing_camera_is_not_found_and_the_way_to_those_there_are_is_told(spec):
    with pytest.raises(SourceNotFoundError, match=r"found none\. This machine .* `ls /dev/video\*`"):
        open_camera(spec, PATIENT)


@pytest.mark.parametrize(
    ("spec", "platform", "demuxer", "address"),
    [
        ("0", "linux", "v4l2", "/dev/video0"),
        ("/dev/video2", "linux", "v4l2", "/dev/video2"),
        ("camera:/dev/v4l/by-id/scope", "linux", "v4l2", "/dev/v4l/by-id/scope"),
        ("/dev/v4l/by-path/pci-0", "linux", "v4l2", "/dev/v4l/by-path/pci-0"),
        ("1", "darwin", "avfoundation", "1:none"),
        ("camera:Scope Grabber", "darwin", "avfoundation", "Scope Grabber:none"),
        ("camera:Scope Grabber", "win32", "dshow", "video=Scope Grabber"),
    ],
)
def test_what_a_camera_is_called_on_each_system(spec, platform, demuxer, address):
    device = device_for(spec, SourceOptions(), platform)
    assert (device.demuxer, device.address) == (demuxer, address)


def test_camera_wishes_in_the_words_of_ffmpeg():
    wishes = SourceOptions(size="1280x720", fps=29.97, pixel_format="mjpeg")
    assert dict(device_for("0", wishes, "linux").settings) == {
        "fflags": "nonblock",
        "video_size": "1280x720",
        "framerate": "29.97",
        "input_format": "mjpeg",
    }
    raw = SourceOptions(pixel_format="yuyv422")
    assert dict(device_for("0", raw, "linux").settings)["pixel_format"] == "yuyv422"


def test_numbers_name_no_camera_where_there_are_none():
    with pytest.raises(OptionError, match="camera:NAME"):
        device_for("0", SourceOptions(), "win32")


@pytest.mark.parametrize(
    "wish",
    [
        {"size": "big"},
        {"size": "1280*720"},
        {"size": "0x0"},
        {"fps": 0},
        {"fps": 1e-300},
        {"fps": 1e300},
        {"fps": 0.0099},
        {"fps": 1000.1},
        {"fps": float("nan")},
        {"open_timeout_s": -1},
        {"open_timeout_s": 1e30},
        {"open_timeout_s": float("nan")},
        {"read_timeout_s": 0},
        {"read_timeout_s": 3600.1},
        {"read_timeout_s": float("inf")},
        {"transport": "pigeon"},
        {"on_loss": "cry"},
        {"connect_timeout_s": 0},
    ],
)
def test_wishes_that_make_no_sense_are_option_errors(wish):
    with pytest.raises(OptionError) as caught:
        SourceOptions(**wish)
    assert str(next(iter(wish.values()))) in str(caught.value)


@pytest.mark.parametrize("fps", [0.01, 1000])
def test_the_bounds_themselves_may_be_asked_for(fps):
    options = SourceOptions(fps=fps, open_timeout_s=3600, read_timeout_s=3600)
    assert (options.fps, options.open_timeout_s, options.read_timeout_s) == (fps, 3600, 3600)


def test_a_protocol_this_build_lacks_or_nobody_answers(free_port):
    with pytest.raises(SourceError):
        open_source(f"srt://127.0.0.1:{free_port}", IMPATIENT)


def test_an_http_error_is_not_found(loopback):
    answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    with loopback(answer, hang_up=True) as server, pytest.raises(SourceNotFoundError, match="404"):
        open_source(f"http://127.0.0.1:{server.port}/x.ts", PATIENT)


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        ("phantom", "phantom"),
        ("phantom:seed=3", "phantom"),
        ("0", "camera"),
        ("12", "camera"),
        ("/dev/video1", "camera"),
        ("camera:Scope", "camera"),
        ("RTSP://host/x", "stream"),
        ("srt://host:9", "stream"),
        ("ftp://host/x", "unknown"),
        ("frames/*.png", "images"),
        ("one.JPG", "images"),
        ("procedure.mp4", "file"),
        ("2024", "file"),
        ("C:\\video.mp4", "file"),
    ],
)
def test_the_kind_of_a_spec(spec, kind):
    assert kind_of(spec) == kind


def test_handoff_drops_the_oldest_when_lossy():
    handoff = Handoff(2)
    for item in range(5):
        assert handoff.put(item, lossy=True)
    handoff.end()
    assert [handoff.take(0), handoff.take(0), handoff.take(0)] == [3, 4, None]
    assert handoff.dropped == 3


def test_handoff_gives_what_is_inside_before_the_error():
    handoff = Handoff(2)
    handoff.put("last", lossy=True)
    handoff.end(SourceLostError("gone"))
    assert handoff.take(0) == "last"
    with pytest.raises(SourceLostError, match="gone"):
        handoff.take(0)


def test_handoff_times_out():
    with pytest.raises(TimeoutError):
        Handoff(1).take(0.01)


@pytest.mark.parametrize("side", ["put", "take"])
def test_closing_a_handoff_wakes_whoever_waits(side):
    handoff = Handoff(1)
    result = []
    if side == "put":
        handoff.put(0, lossy=False)
    wait = (lambda: handoff.put(1, lossy=False)) if side == "put" else (lambda: handoff.take(30))
    thread = threading.Thread(target=lambda: result.append(wait()))
    thread.start()
    handoff.close()
    thread.join(5)
    assert result == [False if side == "put" else None]


def test_a_device_that_has_nothing_yet_is_asked_again():
    device = Stuttering(av.open("testsrc=size=64x48:rate=25:duration=1", format="lavfi"))
    with (
        LiveSource(LiveTarget("camera", "stutter", lambda _: device, 5, 5)) as source,
        pytest.raises(SourceLostError, match="ended"),
    ):
        list(source)
    assert device.refused >= 25


def test_udp_datagrams_are_received(transport_stream, free_port):
    stopped = threading.Event()

    def send():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            while not stopped.is_set():
                for start in range(0, len(transport_stream), 1316):
                    sender.sendto(transport_stream[start : start + 1316], ("127.0.0.1", free_port))
                    if stopped.wait(0.002):
                        return

    thread = threading.Thread(target=send)
    thread.start()
    try:
        with open_source(f"udp://127.0.0.1:{free_port}", SourceOptions(open_timeout_s=8)) as source:
            assert next(iter(source)).image.shape == (48, 64, 3)
    finally:
        stopped.set()
        thread.join()


def nal_units(elementary_stream):
    """Split H.264 as it stands in a raw file into (first bytes of) pictures' NAL units."""
    parts = elementary_stream.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")
    return [part for part in parts if part]


def serve_rtsp(connection, pictures):
    """Answer one RTSP player over interleaved TCP, send each picture's NAL units as RTP, then be silent."""
    sdp = (
        b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=scope\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        b"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track\r\n"
    )
    extra = {
        b"OPTIONS": b"Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n",
        b"DESCRIBE": b"Content-Type: application/sdp\r\nContent-Length: %d\r\n" % len(sdp),
        b"SETUP": b"Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 7\r\n",
        b"PLAY": b"Session: 7\r\n",
    }
    requests = connection.makefile("rb")
    while line := requests.readline():
        verb = line.split()[0] if line.split() else b""
        if verb not in extra:
            continue
        sequence = b""
        while (header := requests.readline()).strip():
            if header.lower().startswith(b"cseq"):
                sequence = header
        body = sdp if verb == b"DESCRIBE" else b""
        connection.sendall(b"RTSP/1.0 200 OK\r\n" + sequence + extra[verb] + b"\r\n" + body)
        if verb == b"PLAY":
            send_rtp(connection, pictures)


def send_rtp(connection, pictures):
    for count, (time, unit) in enumerate(pictures):
        last = unit[0] & 31 in (1, 5)  # a coded slice ends its picture here
        header = struct.pack(">BBHII", 0x80, 96 | last << 7, count, time, 0x5C0BE)
        connection.sendall(struct.pack(">cBH", b"$", 0, len(header) + len(unit)) + header + unit)


def test_rtsp_with_its_password_kept_to_itself(tmp_path, make_clip):
    clip = make_clip(
        tmp_path / "s.h264",
        40,
        options={"g": "5", "bf": "0", "tune": "zerolatency", "x264-params": "slices=1"},
    )
    pictures, time = [], 0
    for unit in nal_units(clip.read_bytes()):
        pictures.append((time, unit))
        time += 3600 * (unit[0] & 31 in (1, 5))
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            serve_rtsp(connection, pictures)

    thread = threading.Thread(target=serve)
    thread.start()
    address = f"127.0.0.1:{listener.getsockname()[1]}/scope"
    try:
        with open_source(
            f"rtsp://me:hunter2@{address}", SourceOptions(open_timeout_s=8, read_timeout_s=0.4)
        ) as source:
            assert source.info.name == f"rtsp://{address}"
            assert source.info.is_live
            frames = iter(source)
            first, second = islice(frames, 2)
            assert first.image.shape == (48, 64, 3)
            assert second.pts_s == pytest.approx(0.04 * round(second.pts_s / 0.04), abs=1e-3)
            with pytest.raises(SourceTimeoutError) as caught:
                list(frames)
            assert "hunter2" not in str(caught.value)
    finally:
        thread.join()
        listener.close()
