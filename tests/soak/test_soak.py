"""The command, for seconds instead of hours. Whether it passes is the machine's affair."""

import json
import re
import shutil
from dataclasses import replace

import pytest

from scr_live.errors import OptionError, OutputUnwritableError
from scr_live.soak.config import SoakConfig, check
from scr_live.soak.parts import pictures_in
from scr_live.soak.running import soak

SHORT = SoakConfig(0.05, width=64, height=48, fault_every_s=0.3, sample_every_s=0.5)


def test_a_short_soak_tells_all_of_itself(tmp_path):
    found = soak(replace(SHORT, record=tmp_path))
    stats = found.stats
    assert {type(one.kind).__name__ for one in found.injected} == {"SourceFault", "EngineFault"}
    assert not found.cut_short
    assert found.out_of_order == 0
    assert found.not_composed >= 0
    assert found.readable == stats.recorded > 0
    assert found.unreadable == []
    assert bool(found.outages) == ("ai-failed" in found.events)
    assert found.samples[-1].captured <= stats.captured
    json.dumps(found.as_dict(), allow_nan=False)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"minutes": 0.0}, "--minutes must be more than 0"),
        ({"minutes": 1e9}, "at most 10080"),
        ({"minutes": float("nan")}, "--minutes"),
        ({"fault_every_s": 0.0}, "--fault-every"),
        ({"sample_every_s": 0.0}, "--sample-every"),
        ({"fps": 0.0}, "--fps"),
        ({"width": 8}, "width must lie between"),
        ({"engine": "nonsense"}, "Unknown engine"),
        ({"precision": "fp7"}, "Unknown precision"),
    ],
)
def test_a_mistake_is_told_before_anything_begins(changes, words):
    with pytest.raises(ValueError, match=words):
        check(replace(SHORT, **changes))


def test_a_recording_that_breaks_off_does_not_cost_the_report(tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()
    found = soak(replace(SHORT, record=folder), progress=lambda _: shutil.rmtree(folder, ignore_errors=True))
    assert re.search(r"soak-\d{4}\.mp4", found.failure)  # a change of size may have begun the next
    assert found.stats.captured > 0
    assert found.injected
    assert not found.passed


def test_a_file_that_cannot_be_read_does_not_cost_the_report(tmp_path):
    (tmp_path / "torn.mp4").write_bytes(b"no recording")
    count, unreadable = pictures_in([tmp_path / "torn.mp4", tmp_path / "gone.mp4"])
    assert count == 0
    assert [told.partition(":")[0] for told in unreadable] == ["torn.mp4", "gone.mp4"]


def test_a_folder_for_the_recording_has_to_be_there(tmp_path):
    with pytest.raises(OptionError, match="no folder"):
        check(replace(SHORT, record=tmp_path / "none"))
    with pytest.raises(OutputUnwritableError):
        check(replace(SHORT, report=tmp_path / "none" / "r.json"))
