"""The drawings of a page, and its colours."""

import re

import pytest
from parsed_page import Parsed
from report_logs import closed, ended, started, write_log

from scr_live.report import plots
from scr_live.report.procedure import procedure
from scr_live.report.reading import read_events


def contrast(one, other):
    def light(colour):
        parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_letters_stand_out_on_every_paper():
    style = plots.__file__.replace("plots.py", "page.css")
    with open(style, encoding="utf-8") as stream:  # noqa: PTH123
        palettes = re.findall(r":root \{(.*?)\}", stream.read(), re.DOTALL)
    assert len(palettes) == 3
    for palette in palettes:
        colours = dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", palette))
        for ink in ("ink", "faint", "warn", "link"):
            for paper in ("paper", "card"):
                assert contrast(colours[ink], colours[paper]) >= 4.5, (ink, paper)
        assert contrast(colours["mark"], colours["card"]) >= 3


@pytest.mark.parametrize(
    ("end_s", "times"),
    [
        (8, ["0:00:00", "0:00:02", "0:00:04", "0:00:06", "0:00:08"]),
        (1795, ["0:00:00", "0:05:00", "0:10:00", "0:15:00", "0:20:00", "0:25:00"]),
        (20 * 86_400, [f"{hours}:00:00" for hours in range(0, 433, 72)]),
    ],
)
def test_the_times_of_a_timeline_are_round(end_s, times, tmp_path):
    log = write_log(tmp_path / "events.jsonl", started(), ended(end_s))
    drawn = Parsed(plots.timeline(procedure(read_events(log))))
    assert [text for text in drawn.texts if ":" in text and " " not in text] == times


def test_many_sightings_at_once_keep_the_timeline_legible(tmp_path):
    events = [closed(number, 20, first_s=10 + number / 100) for number in range(200)]
    log = write_log(tmp_path / "events.jsonl", started(), *events, ended(600))
    drawn = Parsed(plots.timeline(procedure(read_events(log))))
    numbers = [text for text in drawn.texts if text.isdecimal()]
    assert 0 < len(numbers) < 10
    assert "sightings: 200" in drawn.all("svg")[0]["aria-label"]
