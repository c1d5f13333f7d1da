"""A decoder in hardware is believed once it has shown the pictures of software, and is left when it fails.

No device is needed: what stands for one decodes in software, wrongly or not at all where a test says so.
"""

from itertools import islice, pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from av.codec.hwaccel import HWAccel
from peers.process import Peer

from scr_live.errors import OptionError, SourceTimeoutError
from scr_live.sources import file, hardware, reading, stream
from scr_live.sources.decode import DEVICE_ERRORS_IN_A_ROW, FrameBuilder, PacketDecoder, Troubles
from scr_live.sources.file import FileSource
from scr_live.sources.hardware import (
    Planar,
    accelerator,
    decoder_for,
    decoder_works,
    give_up,
    working_decoders,
)
from scr_live.sources.opening import SourceOptions, open_source

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

    monkeypatch.setattr(hardware, "_pictures", pictures)
    monkeypatch.setattr(hardware, "HWAccel", lambda kind, **_: kind)
    monkeypatch.setattr(hardware, "hwdevices_available", lambda: list(kinds))
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


class Failing:
    """The context of a device that is gone."""

    skip_frame = "DEFAULT"

    def decode(self, _):
        raise av.error.ExternalError(1, "the device is gone")


def gone_from(number):
    """PacketDecoder whose device is gone from its n-th packet on; each instance counts anew."""

    class Decoder(PacketDecoder):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            self.taken = 0

        def decode(self, packet):
            self.taken += 1
            return super().decode(packet)

        def _context(self, packet):
            is_gone = self._device is not None and self.taken > number
            return Failing() if is_gone else super()._context(packet)

    return Decoder


@pytest.mark.parametrize("suffix", [".mp4", ".ts"])
def test_when_a_device_fails_the_video_goes_on_from_the_next_key_frame(
    tmp_path, make_clip, number_in, monkeypatch, suffix
):
    clip = make_clip(
        tmp_path / f"clip{suffix}", 60, options={"g": "10", "bf": "0", "x264-params": "scenecut=0"}
    )
    monkeypatch.setattr(file, "decoder_for", lambda name: name)
    monkeypatch.setattr(file, "PacketDecoder", gone_from(25))
    with FileSource(clip, decoder="pretend") as source:
        frames = list(source)
    numbers = [number_in(frame.image) for frame in frames]
    assert numbers[:20] == list(range(20))
    assert numbers[-30:] == list(range(30, 60))
    assert not set(numbers) & set(range(25, 25 + DEVICE_ERRORS_IN_A_ROW))
    times = [frame.pts_s for frame in frames]
    assert times == pytest.approx([number / 25 for number in numbers])
    assert any(
        "pretend failed to decode" in text and "the device is gone" in text for text in source.warnings
    )
    assert source.decode_errors >= DEVICE_ERRORS_IN_A_ROW
    assert "pretend" in hardware._given_up


def test_a_file_that_loops_loops_on_after_its_device_failed(tmp_path, make_clip, number_in, monkeypatch):
    clip = make_clip(tmp_path / "clip.mp4", 20, options={"g": "10", "bf": "0"})
    monkeypatch.setattr(file, "decoder_for", lambda name: name)
    monkeypatch.setattr(file, "PacketDecoder", gone_from(5))
    with FileSource(clip, loop=True, decoder="pretend") as source:
        numbers = [number_in(frame.image) for frame in islice(source, 60)]
    assert all((later - earlier) % 20 == 1 for earlier, later in pairwise(numbers[-40:]))
    assert len(source.warnings) == 2


def test_damage_in_software_is_no_reason_to_change_anything(tmp_path, make_clip, monkeypatch):
    clip = make_clip(tmp_path / "clip.ts", 30)
    decoder = PacketDecoder("clip", troubles := Troubles())
    monkeypatch.setattr(decoder, "_context", lambda _: Failing())
    with av.open(clip) as container:
        for packet in container.demux(video=0):
            assert list(decoder.decode(packet)) == []
    assert troubles.warnings == []
    assert troubles.decode_errors >= 30
    assert hardware._given_up == set()


def test_a_device_that_gives_no_pictures_of_a_stream_is_not_opened_again(free_port, monkeypatch):
    class Silent(PacketDecoder):
        taken = 0

        def decode(self, packet):
            type(self).taken += 1
            return super().decode(packet) if self.taken < 10 else iter(())

    monkeypatch.setattr(stream, "decoder_for", lambda name: name)
    monkeypatch.setattr(reading, "PacketDecoder", Silent)
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
