"""A decoder in hardware is believed once it has shown the pictures of software, and is left when it fails.

No device is needed: what stands for one decodes in software, wrongly or not at all where a test says so.
"""

import subprocess
import sys
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
from av.codec.hwaccel import HWAccel
from peers.process import Peer

from scr_live.errors import OptionError, SourceTimeoutError
from scr_live.events import EventKind, Journal
from scr_live.frames import Signal
from scr_live.sources import file, hardware, reading, stream
from scr_live.sources.decode import FrameBuilder, PacketDecoder, Troubles
from scr_live.sources.file import FileSource
from scr_live.sources.hardware import (
    Planar,
    accelerator,
    decoder_for,
    decoder_works,
    give_up,
    working_decoders,
)
from scr_live.sources.opening import SourceOptions, open_lasting_source, open_source

SAMPLE = Path(__file__).parents[2] / "assets" / "sample_videos" / "phantom.mp4"
BT709, LIMITED = 1, 1


@pytest.fixture(autouse=True)
def _nothing_is_known(monkeypatch):
    monkeypatch.setattr(hardware, "_given_up", set())
    decoder_works.cache_clear()
    yield
    decoder_works.cache_clear()


@pytest.fixture
def devices(monkeypatch):
    """A device's name and what becomes of the pictures that it decodes."""
    kinds = {}
    in_software = hardware._pictures

    def pictures(clip, hwaccel):
        found = in_software(clip, None)
        return found if hwaccel is None else kinds[hwaccel](found)

    def trial(command, **_):
        """The same in this process, where the stand-ins are."""
        kind = command[3]
        try:
            code = int(not hardware.shows_what_software_shows(kind))
        except Exception:  # noqa: BLE001  a traceback in the child
            code = 1
        return subprocess.CompletedProcess(command, code)

    monkeypatch.setattr(hardware, "_pictures", pictures)
    monkeypatch.setattr(hardware, "HWAccel", lambda kind, **_: kind)
    monkeypatch.setattr(hardware, "hwdevices_available", lambda: list(kinds))
    monkeypatch.setattr(hardware.subprocess, "run", trial)
    return kinds


def refused(error):
    def pictures(_):
        raise error

    return pictures


def altered(pictures):
    for number, picture in enumerate(pictures):
        changed = picture.copy()
        changed[0, 0] += number == 7
        yield changed


WRONG = {
    "one value of one picture differs": altered,
    "a picture is missing": lambda pictures: list(pictures)[:-1],
    "no device": refused(PermissionError(1, "Operation not permitted")),
    "FFmpeg refuses": refused(av.error.ExternalError(1, "driver")),
    "no stream suits": refused(RuntimeError("no stream is compatible")),
    "not for this codec": refused(NotImplementedError()),
}


def test_a_device_with_the_pictures_of_software_works(devices):
    devices["good"] = lambda pictures: pictures
    assert decoder_works("good")
    assert decoder_for("good") == decoder_for("auto") == "good"


@pytest.mark.parametrize("pictures", WRONG.values(), ids=WRONG)
def test_a_device_that_is_wrong_in_any_way_does_not(devices, pictures):
    devices["wrong"] = pictures
    assert not decoder_works("wrong")
    assert decoder_for("auto") is None
    with pytest.raises(OptionError, match=r"--decoder wrong does not work .*do: software\.$"):
        decoder_for("wrong")


@pytest.mark.parametrize(
    ("line", "works"),
    [
        ("pass", True),
        ("sys.exit(1)", False),
        ("os.kill(os.getpid(), signal.SIGSEGV)", False),
        ("time.sleep(60)", False),
    ],
)
def test_a_driver_crashes_or_hangs_in_a_process_of_its_own(monkeypatch, line, works):
    monkeypatch.setattr(hardware, "_TRIAL", f"import os, signal, sys, time; {line}")
    monkeypatch.setattr(hardware, "LONGEST_TRIAL_S", 1.5)
    assert decoder_works("any") is works


def test_the_trial_itself_finds_the_program_and_no_device():
    command = [sys.executable, "-c", hardware._TRIAL, "opencl", *sys.path]  # decodes nothing anywhere
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no stream is compatible" in done.stderr


def test_the_first_that_works_is_taken_and_those_that_do_are_named(devices):
    devices |= {"absent": WRONG["no device"], "good": iter, "better": iter}
    assert working_decoders() == ("good", "better")
    assert decoder_for("auto") == "good"
    with pytest.raises(OptionError, match="Decoders that do: software, good, better"):
        decoder_for("pigeon")


def test_software_is_what_is_asked_for_without_a_word(monkeypatch):
    monkeypatch.setattr(hardware, "hwdevices_available", lambda: pytest.fail("nobody asked for a device"))
    assert decoder_for(SourceOptions().decoder) is None


def test_the_clip_of_the_trial_has_as_many_different_pictures_as_it_says():
    pictures = list(hardware._pictures(hardware._clip(), None))
    assert len({picture.tobytes() for picture in pictures}) == len(pictures) == hardware._PROBE_PICTURES


def test_a_device_that_failed_is_not_opened_again(monkeypatch):
    monkeypatch.setattr(hardware, "av", Creating(av))
    assert isinstance(accelerator("cuda"), HWAccel)
    give_up("cuda")
    assert accelerator("cuda") is None
    assert accelerator("qsv") is not None


class Creating:
    """PyAV, but that any device can be had."""

    def __init__(self, module):
        self.error = module.error
        self.CodecContext = self

    def create(self, *_, **__):
        return object()


def test_a_device_that_cannot_be_had_just_now_is_software(monkeypatch):
    monkeypatch.setattr(hardware, "HWAccel", lambda *_, **__: pytest.fail("never reached"))
    assert accelerator(None) is None
    monkeypatch.undo()
    assert accelerator("no such kind") is None


def gone_from(number, *, takes_its_kind=True):
    """PacketDecoder of streams that a device decodes, which is gone from its n-th packet on."""

    class Decoder(PacketDecoder):
        taken = 0

        def _is_on_device(self, _):
            return takes_its_kind and not hardware._given_up

        def _decoded_by_ffmpeg(self, packet):
            self.taken += 1
            if self._device is not None and self.taken > number:
                raise av.error.ExternalError(1, "the device is gone")
            return super()._decoded_by_ffmpeg(packet)

    return Decoder


@pytest.fixture
def on_device(monkeypatch):
    """Whatever is named works, and decodes as the class that is given does."""

    def put(module, decoder):
        monkeypatch.setattr(module, "PacketDecoder", decoder)
        monkeypatch.setattr(stream if module is reading else module, "decoder_for", lambda name: name)

    return put


CLIPS = {
    "mp4": (".mp4", {"g": "10", "bf": "0"}),
    "ts with pictures that come later than others": (".ts", {"g": "10", "bf": "2"}),
    "one key frame": (".mkv", {"g": "250", "bf": "2"}),
}


@pytest.mark.parametrize("kind", CLIPS)
@pytest.mark.parametrize("gone", [0, 1, 25, 58, 59, 60])
def test_a_file_loses_no_frame_when_its_device_fails(tmp_path, make_clip, on_device, kind, gone):
    suffix, options = CLIPS[kind]
    clip = make_clip(tmp_path / f"clip{suffix}", 60, options=options)
    with FileSource(clip) as source:
        expected, as_it_is = list(source), source.info
    on_device(file, gone_from(gone))
    with FileSource(clip, decoder="pretend") as source:
        found = list(source)
    assert [frame.index for frame in found] == list(range(60))
    assert [frame.pts_s for frame in found] == pytest.approx([frame.pts_s for frame in expected])
    assert all(np.array_equal(one.image, other.image) for one, other in zip(found, expected, strict=True))
    assert source.info == as_it_is
    assert source.decode_errors == 0
    assert hardware._given_up == {"pretend"}
    (warning,) = source.warnings
    assert "pretend failed to decode clip" in warning
    assert "the device is gone" in warning


def test_a_file_that_loops_loops_on_after_its_device_failed(tmp_path, make_clip, number_in, on_device):
    clip = make_clip(tmp_path / "clip.mp4", 20, options={"g": "10", "bf": "0"})
    on_device(file, gone_from(25))
    with FileSource(clip, loop=True, decoder="pretend") as source:
        numbers = [number_in(frame.image) for frame in islice(source, 90)]
    assert numbers == [number % 20 for number in range(90)]
    assert len(source.warnings) == 1


def test_damage_is_no_fault_of_a_device_that_does_not_take_the_file(tmp_path, make_clip, on_device):
    class Damaged(gone_from(10**6, takes_its_kind=False)):
        def _decoded_by_ffmpeg(self, packet):
            frames = super()._decoded_by_ffmpeg(packet)
            if 20 < self.taken <= 25:
                raise av.error.InvalidDataError(1, "damaged")
            return frames

    clip = make_clip(tmp_path / "clip.ts", 60)
    on_device(file, Damaged)
    with FileSource(clip, decoder="pretend") as source:
        assert len(list(source)) == 55
    assert source.decode_errors == 5
    assert hardware._given_up == set()
    assert any("is decoded in software: pretend cannot be had" in text for text in source.warnings)


def test_who_joins_a_live_stream_in_the_middle_does_not_blame_the_device(tmp_path, make_clip):
    clip = make_clip(tmp_path / "clip.ts", 30)
    troubles = Troubles()
    with av.open(clip) as container:
        packets = list(container.demux(video=0))
        decoder = gone_from(0)("clip", troubles, is_live=True, device="pretend")
        assert [frame for packet in packets[:10] for frame in decoder.decode(packet)] == []
    assert hardware._given_up == set()
    assert troubles.decode_errors == 10


def test_a_live_stream_whose_device_fails_is_opened_again_in_software(free_port, on_device):
    on_device(reading, gone_from(20))
    journal = Journal()
    options = SourceOptions(decoder="pretend", read_timeout_s=0.8)
    with (
        Peer("ts_server.py", port=free_port),
        open_lasting_source(f"tcp://127.0.0.1:{free_port}", options, journal=journal) as source,
    ):
        living = (frame for frame in source if frame.signal is Signal.OK)
        assert len(list(islice(living, 60))) == 60
    assert hardware._given_up == {"pretend"}
    assert [event.kind for event in journal.events] == [EventKind.SIGNAL_LOST, EventKind.SIGNAL_BACK]
    assert "pretend failed to decode" in journal.events[0].facts["cause"]


def test_a_device_that_gives_no_pictures_of_a_stream_is_not_opened_again(free_port, on_device):
    class Silent(gone_from(10**6)):
        def decode(self, packet):
            return super().decode(packet) if self.taken < 10 else iter(())

    on_device(reading, Silent)
    options = SourceOptions(decoder="pretend", read_timeout_s=0.8, on_loss="exit")
    with (
        Peer("ts_server.py", port=free_port),
        open_source(f"tcp://127.0.0.1:{free_port}", options) as source,
    ):
        assert hardware._given_up == set()
        with pytest.raises(SourceTimeoutError, match="could be decoded in time"):
            list(source)
    assert hardware._given_up == {"pretend"}


@pytest.fixture
def decoded(tmp_path, make_clip, rng):
    """A stream, and the first of its pictures: 4:2:0, tagged as what is recorded too."""
    pictures = [rng.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(3)]
    clip = make_clip(tmp_path / "c.mp4", pictures, tags={"colorspace": BT709, "color_range": LIMITED})
    with av.open(clip) as container:
        yield container.streams.video[0], next(container.decode(video=0))


def test_what_a_device_hands_out_becomes_the_same_frame(decoded):
    video, frame = decoded
    as_of_device = frame.reformat(format="nv12")
    frame.pts = as_of_device.pts = 7200
    built = [FrameBuilder(video, "c", troubles=Troubles()).build(each) for each in (frame, as_of_device)]
    np.testing.assert_array_equal(built[0].image, built[1].image)
    assert built[0].pts_s == built[1].pts_s
    for one, other in zip(built[0].planes, built[1].planes, strict=True):
        np.testing.assert_array_equal(one, other)


def test_ten_bits_of_a_device_become_those_of_software(decoded):
    video, frame = decoded
    deep = frame.reformat(format="yuv420p10le")
    as_of_device = deep.reformat(format="p010le")
    deep.pts = as_of_device.pts = 7200
    built = [FrameBuilder(video, "c", troubles=Troubles()).build(each) for each in (deep, as_of_device)]
    np.testing.assert_array_equal(built[0].image, built[1].image)


def test_planes_are_left_alone(decoded):
    _, frame = decoded
    assert Planar().planes(frame) is frame


@pytest.mark.gpu
def test_a_device_of_this_machine_decodes_the_sample_clip_to_the_frames_of_software():
    """The only test that needs a device."""
    kinds = working_decoders()
    if not kinds:
        pytest.skip("No device here decodes H.264: see the line `decoding` of `scr-live doctor`.")
    with FileSource(SAMPLE) as source:
        expected = [frame.image for frame in islice(source, 50)]
    for kind in kinds:
        with FileSource(SAMPLE, decoder=kind) as source:
            found = [frame.image for frame in islice(source, 50)]
        assert len(found) == len(expected)
        assert all(map(np.array_equal, found, expected)), kind
