import re
from itertools import pairwise

import cv2
import numpy as np
import pytest
from parsed_page import Parsed
from report_logs import closed, ended, opened, recorded, started, told, updated, write_log

from scr_live.errors import (
    OptionError,
    OutputExistsError,
    OutputUnwritableError,
    SourceNotFoundError,
    SourceUnreadableError,
)
from scr_live.report import cards, plots
from scr_live.report.command import write_report

HOSTILE = "</title><script>alert(1)</script><img src=x onerror=alert(1)>\"'& \u202e\x07\udcff"


@pytest.fixture
def make(tmp_path):
    def call(*events, **options):
        out = tmp_path / "report.html"
        written = write_report(write_log(tmp_path / "events.jsonl", *events), out, force=True, **options)
        page = Parsed(out.read_text(encoding="utf-8"))
        assert set(written.problems) <= set(page.texts)
        return page

    return call


@pytest.fixture
def snapshot(tmp_path):
    path = tmp_path / "snapshots" / "1.jpg"
    path.parent.mkdir()
    cv2.imwrite(str(path), np.zeros((8, 8, 3), np.uint8))
    return path


def procedure():
    return [
        started(alert_after_s=0.4, tracking=True),
        opened(1, 10),
        updated(1, 11),
        updated(1, 12, area_px=700.0),
        closed(1, 15, snapshot="snapshots/1.jpg"),
        told("quality-changed", 20, quality="blurred", before="good"),
        told("quality-changed", 30, quality="good", before="blurred"),
        told("withdrawal-started", 40),
        told("withdrawal-ended", 90),
        ended(100, inferred=2400, video_delay_p50_ms=12.34, dropped=7, duration_s=166.66),
    ]


def test_everything_is_in_one_file(make, snapshot):
    page = make(*procedure())
    assert [picture["src"][:23] for picture in page.all("img")] == ["data:image/jpeg;base64,"]
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.tags}
    for tag, attributes in page.tags:
        for name, value in attributes.items():
            if name in ("src", "href", "xlink:href"):
                assert value.startswith(("data:", "#")), (tag, name, value)
            assert "url(http" not in (value or "")
    policy = next(meta for meta in page.all("meta") if "http-equiv" in meta)
    assert policy["content"].startswith("default-src 'none'")


def test_what_a_page_tells(make, snapshot):
    texts = " ".join(make(*procedure()).texts)
    for words in (
        "not a medical device",
        "90.0 % of the time assessable, by the judged frames",
        "96.0 % of the frames judged by the model",
        "Sighting 1, at 0:00:09.5",
        "12:00:09 UTC",
        "in 50 frames",
        "Best score 0.93",
        "1200 px, 4.1 % of the field",
        "Withdrawal time 0:00:50.0",
        "quality not good: blurred 0:00:20.0 0:00:30.0 10.0 s",
        "1920 x 1080 px, 25.0 frames/s",
        "Alert after, s 0.4",
        "Tracking yes",
        "Delay of the video, median 12.3 ms",
        "0:01:40.0 duration",
        "The run took 166.7 s",
        "2026-01-02, 12:00:00 UTC to 12:01:40 UTC",
    ):
        assert words in texts, words


def test_pictures_have_texts_names_are_used_once_and_headings_go_step_by_step(make, snapshot):
    page = make(*procedure(), opened(2, 50), updated(2, 51), updated(2, 52))
    assert all(picture["alt"] for picture in page.all("img"))
    drawings = page.all("svg")
    assert len(drawings) == 3
    assert all(drawing["role"] == "img" and drawing["aria-label"] for drawing in drawings)
    assert "sightings: 2" in drawings[0]["aria-label"]
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    names = [attributes["id"] for tag, attributes in page.tags if "id" in attributes]
    clips = [name for name in names if not name.startswith("sighting-")]
    assert len({name for name in names if name.startswith("sighting-")}) == 2
    assert all(re.fullmatch(r"[a-z][0-9a-f]{6,}", name) for name in clips)
    assert len(set(names)) == len(names)


def test_no_text_of_a_log_becomes_markup(make, tmp_path):
    clean = make(*procedure())
    spoiled = [
        {
            name: HOSTILE if isinstance(value, str) and name not in ("event", "at") else value
            for name, value in one.items()
        }
        for one in procedure()
    ]
    spoiled += [told("recording-failed", 50, path=HOSTILE, cause=HOSTILE, **{HOSTILE: HOSTILE})]
    page = make(*spoiled)
    assert "script" not in {tag for tag, _ in page.tags}
    assert all("onerror" not in attributes for _, attributes in page.tags)
    assert len(clean.all("svg")) == len(page.all("svg"))
    text = (tmp_path / "report.html").read_bytes()
    assert not {0x07} & set(text)
    assert "\u202e" not in text.decode()


def test_nothing_but_a_picture_gets_in(make, tmp_path):
    (tmp_path / "secret").write_text("secret words")
    for name in ("secret", "no.jpg", "..", "a\x00b", "n" * 5000):
        page = make(started(), closed(1, 15, snapshot=name), ended(20))
        assert page.all("img") == []
        assert any(text.startswith("The picture ") for text in page.texts)


def test_no_picture_from_elsewhere_gets_in(make, snapshot, tmp_path):
    """The log may come from elsewhere, and the page is passed on."""
    home = tmp_path / "log"
    home.mkdir()
    (home / "link.jpg").symlink_to(snapshot)
    (home / "inside.jpg").write_bytes(snapshot.read_bytes())
    (home / "good.jpg").symlink_to("inside.jpg")
    names = [str(snapshot), "../snapshots/1.jpg", "link.jpg", "good.jpg", str(home / "inside.jpg")]
    seen = [closed(at, 10 * at, snapshot=name) for at, name in enumerate(names, 1)]
    log, out = write_log(home / "events.jsonl", started(), *seen, ended(60)), home / "report.html"
    written = write_report(log, out)
    page = Parsed(out.read_text(encoding="utf-8"))
    assert len(page.all("img")) == 2
    told = [text for text in page.texts if "is left out: it does not lie in the folder of the log" in text]
    assert len(told) == 3
    (problem,) = written.problems
    assert problem.endswith("in the folder of the log gets into the page: 3 pictures of sightings.")


def test_a_procedure_without_sightings(make):
    page = make(started(), ended(60))
    assert "No sighting was announced." in page.texts
    assert "100.0 %" in page.texts


@pytest.mark.parametrize("events", [[], [started()], ['{"event": "sight']])
def test_a_log_that_hardly_began(make, events):
    page = make(*events)
    assert any("killed" in text for text in page.texts)


THROUGHOUT = " there throughout, as far as the log tells."


def test_a_page_warns_where_the_model_judged_but_a_part_of_the_frames(make):
    page = make(started(), ended(6, inferred=13))
    (warning,) = (text for text in page.texts if text.startswith("The model judged 8.7 % of the frames"))
    assert page.texts.index(warning) < page.texts.index("Timeline")
    assert f"Signal and picture were{THROUGHOUT}" in page.texts
    assert "8.7 %" in page.texts


@pytest.mark.parametrize(("figures", "judged"), [({"inferred": 135}, "90.0 %"), ({}, "not told")])
def test_a_page_does_not_warn_where_it_judged_nearly_all_or_nothing_is_known(make, figures, judged):
    page = make(started(), ended(6, **figures))
    assert not any(text.startswith("The model judged") for text in page.texts)
    assert f"Signal, picture and AI were{THROUGHOUT}" in page.texts
    assert judged in page.texts


def test_frames_dropped_are_not_told_since_the_log_adds_them_up_over_all_places(make):
    assert not any("dropped" in text for text in make(*procedure()).texts)


def test_damaged_lines_are_told(make):
    assert "2 lines are damaged and left out." in make(started(), "{", "}", ended(9)).texts


def test_links_lead_to_the_moments_of_the_video(make, tmp_path):
    video = tmp_path / 'out "1" #<b>.mp4'
    video.touch()
    page = make(started(), closed(1, 15, first_s=10.0), ended(20), video=video)
    assert [link["href"] for link in page.all("a")] == ["out%20%221%22%20%23%3Cb%3E.mp4#t=10.0"]


@pytest.fixture
def links(make, tmp_path):
    """Of a recording in three files: the second one was rescued, and told last."""

    def call(name):
        (tmp_path / name).touch()
        page = make(
            started(),
            recorded("/elsewhere/out.mp4", 0),
            closed(1, 15, first_s=10.0),
            recorded("/elsewhere/out-0002.mp4", 600, cause="segment"),
            recorded("/fallback/out-0003.mp4", 599.5, cause="fallback"),
            closed(2, 604, first_s=598.0, last_s=603.0),
            closed(3, 704, first_s=700.0),
            ended(900),
            video=tmp_path / name,
        )
        told = [text for text in page.texts if text.startswith("The log tells of no recording")]
        return [link["href"] for link in page.all("a")], told

    return call


@pytest.mark.parametrize(
    ("name", "moments"),
    [
        ("out.mp4", ["out.mp4#t=10.0", "out.mp4#t=598.0"]),
        ("out-0002.mp4", ["out-0002.mp4#t=0.0", "out-0002.mp4#t=100.0"]),
        ("out-0003.mp4", ["out-0003.mp4#t=0.0"]),
    ],
)
def test_links_lead_into_that_file_of_a_recording_by_its_own_time(name, moments, links):
    assert links(name) == (moments, [])


def test_a_file_that_the_log_does_not_name_is_linked_to_as_the_whole_video_and_that_is_said(links):
    moments, told = links("joined.mp4")
    assert moments == [f"joined.mp4#t={at}" for at in ("10.0", "598.0", "700.0")]
    assert told == [
        "The log tells of no recording joined.mp4: the links to it are right if it begins with the run."
    ]


def test_a_run_over_midnight_has_two_dates(make):
    assert "2026-01-02, 12:00:00 UTC to 2026-01-04, 12:00:00 UTC" in make(started(), ended(48 * 3600)).texts


def test_what_would_make_the_page_too_large_is_left_out_and_told_once(make, snapshot, monkeypatch):
    monkeypatch.setattr(cards, "ALL_PICTURES", 2 * snapshot.stat().st_size)
    monkeypatch.setattr(cards, "ALL_CURVES", 1)
    seen = [
        one
        for number in range(1, 5)
        for one in (
            *(updated(number, 10 * number + second) for second in range(3)),
            closed(number, 10 * number + 5, snapshot="snapshots/1.jpg"),
        )
    ]
    page = make(started(), *seen, ended(60))
    assert (len(page.all("article")), len(page.all("img")), len(page.all("svg"))) == (4, 2, 1 + 1)
    left_out = [text for text in page.texts if "too large" in text]
    assert left_out == [
        "Left out, since the page would be too large: 2 pictures and 3 curves of sightings.",
        *["The picture snapshots/1.jpg is left out: the page would be too large."] * 2,
    ]


def test_of_very_many_sightings_the_first_have_cards_and_that_is_told(make, monkeypatch):
    monkeypatch.setattr(cards, "MOST_CARDS", 3)
    page = make(started(), *(closed(number, 10 * number) for number in range(1, 6)), ended(60))
    assert len(page.all("article")) == 3
    assert (
        "Only the first 3 of 5 sightings have a card; the timeline and the figures are of all." in page.texts
    )
    assert "sightings: 5" in page.all("svg")[0]["aria-label"]
    few = make(started(), *(closed(number, 10 * number) for number in range(1, 4)), ended(60))
    assert not any("have a card" in text for text in few.texts)


def test_the_same_log_gives_the_same_page(make, snapshot, tmp_path):
    make(*procedure())
    first = (tmp_path / "report.html").read_bytes()
    make(*procedure())
    assert (tmp_path / "report.html").read_bytes() == first


def test_mistakes(tmp_path, monkeypatch):
    log = write_log(tmp_path / "events.jsonl", started())
    out = tmp_path / "report.html"
    with pytest.raises(OptionError, match=r"\*.html"):
        write_report(log, log, force=True)
    with pytest.raises(OutputUnwritableError, match="no folder"):
        write_report(log, tmp_path / "no" / "report.html")
    with pytest.raises(SourceNotFoundError, match="--video"):
        write_report(log, out, video=tmp_path / "no.mp4")
    with pytest.raises(SourceUnreadableError, match=r"Cannot look at the video .*: File name too long"):
        write_report(log, out, video=tmp_path / ("n" * 300 + ".mp4"))
    out.write_text("precious")
    with pytest.raises(OutputExistsError, match="--force"):
        write_report(log, out)
    monkeypatch.setattr(plots, "find_spec", lambda name: None)
    with pytest.raises(Exception, match=r"pip install \"scr-live\[report\]\""):
        write_report(log, out, force=True)
    assert out.read_text() == "precious"


def test_no_time_of_a_table_is_broken(make):
    """Unlike long words, such as paths."""
    gap = told("signal-lost", 5, cause="/dev/v4l/by-id/" + "x" * 100)
    page = make(started(), gap, told("disk-low", 6, folder="/data"), ended(9))
    cells = [cell["class"] for cell in page.all("td")]
    assert cells == ["wordy", "short", "short", "short", "short", "short", "wordy"]
