"""Recordings and snapshots without margins, whatever was drawn and wherever the pictures come from."""

from dataclasses import replace

import av
import cv2
import numpy as np
import pytest
from field_pictures import SD, frame, mask_of, noisy, write_text

from scr_live.app import RunConfig, run_video
from scr_live.app.deidentified import Deidentified
from scr_live.controls import Controls
from scr_live.errors import OptionError
from scr_live.frames import Frame, Picture, Prediction, Signal
from scr_live.geometry import Box, Placement
from scr_live.margins.pictures import Deidentifier
from scr_live.overlays import ScoreLabel, draw_no_signal, draw_status
from scr_live.phantom.lens import octagon
from scr_live.sinks.options import RecorderOptions
from scr_live.sinks.raw import raw_recording_for
from scr_live.sinks.snapshot import save_snapshot
from scr_live.sinks.window import Window
from scr_live.sources.phantom import PhantomOptions, render

FIELD = Box(160, 10, 460, 460)
TRUE = mask_of("octagon", SD, FIELD) > 0
TEXT_AT = np.s_[40:300, 5:120]
BLACK_LUMA = 8  # of 255: what an encoder may make of black beside a bright field


def with_text(seed=0):
    image = noisy(frame("octagon", SD, FIELD, seed=seed), 1.0)
    write_text(image, 5)
    return image


def picture(image, index=0, *, drawn=None, signal=Signal.OK, **facts):
    kept = Frame(image, index, index / 25, 0.0, signal)
    return Picture(kept, facts.pop("prediction", None), image if drawn is None else drawn, **facts)


def kept_of(one, margins=None):
    margins = margins or Deidentifier()
    margins.follow(one)
    return margins.picture(one)


def outside(true, *, px):
    return cv2.dilate(true.astype(np.uint8), np.ones((2 * px + 1, 2 * px + 1), np.uint8)) == 0


# --- pictures -------------------------------------------------------------------------------------------


def test_a_picture_loses_its_margins_and_nothing_else():
    one = picture(with_text())
    kept = kept_of(one)
    assert not kept.image[outside(TRUE, px=9)].any()
    assert np.array_equal(kept.image[TRUE], one.image[TRUE])
    assert (kept.frame.index, kept.frame.pts_s) == (one.frame.index, one.frame.pts_s)
    assert one.image[TEXT_AT].max() > 200  # the screen still has it


def test_the_status_stays_readable_and_hides_what_is_below_it():
    image = with_text()
    drawn = image.copy()
    at = Box(5, 40, 120, 60)
    written = draw_status(drawn, "AI late", Box(160, 10, 460, 460))
    kept = kept_of(picture(image, drawn=drawn, status="AI late", status_at=written)).image
    assert written is not None
    assert np.array_equal(written.crop(kept), written.crop(drawn))
    assert not at.crop(kept).any()


@pytest.mark.parametrize("seen_before", [True, False])
def test_no_signal_stays_readable_and_a_field_is_not_looked_for_in_it(seen_before):
    margins = Deidentifier()
    if seen_before:
        margins.follow(picture(with_text()))
    dimmed = (with_text() * 0.4).astype(np.uint8)
    drawn = dimmed.copy()
    draw_no_signal(drawn, "NO SIGNAL 3 s")
    kept = kept_of(picture(dimmed, drawn=drawn, signal=Signal.LOST), margins).image
    words = (drawn == (255, 214, 90)).all(axis=2)
    assert words.any()
    assert np.array_equal(kept[words], drawn[words])
    assert not kept[TEXT_AT].any()
    assert kept[TRUE & (drawn == dimmed).all(axis=2)].any() == seen_before


def test_a_signal_lost_at_another_size_hides_what_came_before():
    margins = Deidentifier()
    margins.follow(picture(with_text()))
    kept = kept_of(picture(with_text()[:400].copy(), signal=Signal.LOST), margins)
    assert not kept.image.any()
    assert margins.hides_all


def test_after_a_loss_another_scope_is_not_shown_through_the_former_ones_field():
    margins = Deidentifier()
    for _ in range(30):
        margins.follow(picture(with_text()))
    margins.follow(picture((with_text() * 0.4).astype(np.uint8), signal=Signal.LOST))
    small = Box(260, 100, 300, 300)
    image = noisy(frame("octagon", SD, small), 1.0)
    write_text(image, 165)
    dark = kept_of(picture(np.zeros_like(image)), margins)
    assert not dark.image.any()
    assert margins.hides_all
    kept = kept_of(picture(image), margins).image
    true = mask_of("octagon", SD, small) > 0
    assert not kept[outside(true, px=9)].any()
    assert np.array_equal(kept[true], image[true])


def prediction_at(x, y):
    from scr_live.frames import Polyp  # noqa: PLC0415

    contour = np.array([(x, y), (x + 40, y), (x + 40, y + 30), (x, y + 30)], np.float32)
    placement = Placement(Box(0, 0, 640, 480), 32)
    return Prediction(0, (Polyp(contour, 0.93, 1200.0),), np.zeros((32, 32), np.float32), placement, 1.0, 0.0)


@pytest.mark.parametrize("is_drawn", [True, False])
def test_a_score_beside_the_field_stays_only_where_it_is_drawn(is_drawn):
    image, prediction = with_text(), prediction_at(20, 60)
    drawn = image.copy()
    label = ScoreLabel()
    (plate,) = label.plates(SD, prediction)
    if is_drawn:
        label(drawn, prediction)
    one = picture(image, drawn=drawn, prediction=prediction)
    kept = kept_of(one, Deidentifier(label.plates)).image
    assert np.array_equal(plate.crop(kept), plate.crop(drawn)) == is_drawn
    plate.crop(kept)[:] = 0
    assert not kept[outside(TRUE, px=9)].any()


# --- files ----------------------------------------------------------------------------------------------


class Kept:
    """A sink that remembers."""

    def __init__(self):
        self.pictures = []

    def write(self, picture):
        self.pictures.append(picture)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


def test_a_recording_that_is_mostly_black_says_so():
    sink = Deidentified(Kept())
    page = np.zeros((*SD, 3), np.uint8)
    write_text(page, 5)
    for index in range(3):
        sink.write(picture(page, index))
    assert "3 of 3 recorded pictures are black" in sink.problems[0]
    for index in range(40):
        sink.write(picture(with_text(), index))
    assert sink.problems == []


def test_a_raw_recording_of_frames_loses_its_margins_too(tmp_path):
    with raw_recording_for("images", tmp_path / "raw.mp4", RecorderOptions()) as raw:
        sink = Deidentified(raw, raw=True)
        for index in range(5):
            image = with_text(index % 2)
            sink.write(picture(image, index, drawn=np.full_like(image, 77)))
    assert_black_outside(tmp_path / "raw.mp4", TRUE)


def assert_black_outside(path, true, *, px=12):
    with av.open(str(path)) as container:
        lumas = [one.reformat(format="gray").to_ndarray() for one in container.decode(video=0)]
    assert lumas
    for luma in lumas:
        assert luma[outside(true, px=px)].max() <= BLACK_LUMA
        assert luma[true].max() > 60


@pytest.fixture
def phantom_with_text(tmp_path):
    """A folder of phantom frames with more text than the phantom writes, and the phantom's field."""
    folder = tmp_path / "phantom"
    folder.mkdir()
    options = PhantomOptions(seed=3, width=640, height=512)
    for index in range(8):
        image = render(options, index * 3)[0].copy()
        write_text(image, 5)
        cv2.putText(image, "J. DOE", (4, 505), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255, 255, 255), 2)
        cv2.putText(image, "CLINIC", (540, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255, 255, 255), 2)
        cv2.imwrite(str(folder / f"{index:03}.png"), image[:, :, ::-1])
    return folder, octagon(640, 512) > 0


@pytest.mark.parametrize("keep", [False, True])
def test_no_pixel_of_margin_text_is_in_a_recording_unless_it_is_wanted(keep, phantom_with_text, tmp_path):
    folder, true = phantom_with_text
    out, raw = tmp_path / "out.mp4", tmp_path / "raw.mp4"
    config = RunConfig(
        str(folder), engine="constant", display=False, record=out, record_raw=raw, keep_margins=keep
    )
    run_video(config)
    for path in (out, raw):
        if not keep:
            assert_black_outside(path, true)
            continue
        with av.open(str(path)) as container:
            luma = next(container.decode(video=0)).reformat(format="gray").to_ndarray()
        assert luma[outside(true, px=12)].max() > 150


@pytest.mark.parametrize("source", ["rtsp://127.0.0.1/none", "0", "http://127.0.0.1/none.ts"])
def test_packets_are_not_copied_unless_the_margins_may_be_kept(source, tmp_path):
    config = RunConfig(source, engine="constant", display=False, record_raw=tmp_path / "raw.mp4")
    with pytest.raises(OptionError, match="--keep-margins"):
        run_video(config)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("suffix", "extra"), [(".mp4", b"DOE-CLINIC"), (".mkv", b"DOE-ATTACHED"), (".ts", b"DOE-DATA")]
)
def test_nothing_of_the_sources_metadata_is_in_a_recording(make_clip, tmp_path, suffix, extra):
    clip = make_clip(tmp_path / "clip.mp4", [with_text(seed) for seed in range(3)], width=640, height=480)
    named = tmp_path / f"source{suffix}"
    secrets = {
        "title": "DOE-JOHN",
        "comment": "DOE-BORN-1950",
        "creation_time": "2001-02-03T04:05:06Z",
        "location": "+12.3456-065.4321/",
        "artist": "DOE-CLINIC",
        "service_name": "DOE-JOHN",
    }
    copy_with(clip, named, secrets)
    assert b"DOE-JOHN" in named.read_bytes()
    assert extra in named.read_bytes()
    out = tmp_path / "out.mp4"
    run_video(RunConfig(str(named), engine="constant", display=False, record=out))
    data = out.read_bytes()
    for secret in (b"DOE", b"2001-02-03", b"12.3456", b"source."):
        assert secret not in data
    with av.open(str(out)) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        tags = {**container.metadata, **container.streams.video[0].metadata}
    assert set(tags) <= {
        "title", "comment", "encoder", "major_brand", "minor_version", "compatible_brands", "language",
        "handler_name", "vendor_id",
    }  # fmt: skip
    assert not any(secret in value for value in tags.values() for secret in secrets.values())


def copy_with(clip, path, tags):
    """Copy the pictures, with tags of file and stream, and a stream of data or an attachment."""
    with av.open(str(clip)) as source, av.open(str(path), "w") as copy:
        copy.metadata.update(tags)
        video = copy.add_stream_from_template(source.streams.video[0])
        video.metadata.update(title="DOE-STREAM", handler_name="DOE-HANDLER")
        data = None
        if path.suffix == ".mkv":
            copy.add_attachment("doe.txt", "text/plain", b"DOE-ATTACHED")
        elif path.suffix == ".ts":
            data = copy.add_data_stream()
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = video
                copy.mux(packet)
        if data is not None:
            note = av.Packet(b"DOE-DATA")
            note.stream, note.pts, note.dts, note.time_base = data, 0, 0, video.time_base
            copy.mux(note)


# --- snapshots ------------------------------------------------------------------------------------------


def test_a_snapshot_has_no_margins_and_a_name_that_tells_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("scr_live.sinks.window.require_display", lambda: None)
    monkeypatch.setattr("scr_live.sinks.window.first_size", lambda image: (160, 120))
    monkeypatch.setattr("cv2.resizeWindow", lambda *_: None)
    window = Window("t", Controls(), snapshot_dir=tmp_path, is_live=False, margins=Deidentifier())
    for index in range(3):
        window._take(picture(with_text(), index))
        window._snapshot()
    paths = sorted(tmp_path.iterdir())
    assert [path.name for path in paths] == [f"scr-live-frame{index:06d}.png" for index in range(3)]
    image = cv2.imread(str(paths[-1]))
    assert not image[outside(TRUE, px=9)].any()
    assert image[TRUE].any()


def test_neutral_names_do_not_replace_each_other(tmp_path):
    one = picture(with_text())
    names = [save_snapshot(one, tmp_path, dated=False).name for _ in range(2)]
    assert names == ["scr-live-frame000000.png", "scr-live-frame000000-2.png"]
    assert save_snapshot(replace(one), tmp_path).name not in names
