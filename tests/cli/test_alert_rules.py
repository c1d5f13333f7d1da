"""What `run --help` says of alert rules is what was measured."""

import json
from pathlib import Path

import pytest

import scr_live
from scr_live.cli import alert_rules
from scr_live.shipped import DEFAULT_MODEL

ROOT = Path(scr_live.__file__).parents[1]

pytestmark = pytest.mark.skipif(
    not (ROOT / "figures").exists(), reason="figures and scripts are not part of a wheel"
)


def rules_of(name):
    return json.loads((ROOT / "figures" / f"{name}.json").read_text(encoding="utf-8"))["rules"]


def test_the_text_is_the_one_that_the_script_makes(monkeypatch):
    """Fails when figures/video-*.json changed and scripts/readme_figures.py was not run."""
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    from video_tables import alert_rules as made  # noqa: PLC0415 - of the scripts

    assert Path(alert_rules.__file__).read_text(encoding="utf-8") == made()


def test_it_tells_each_rule_of_the_shipped_model():
    normal, polyp = rules_of("video-normal-clip"), rules_of("video-polyp-clip")
    lines = alert_rules.MEASURED.split("\n\n")
    for without, with_one in zip(normal, polyp, strict=True):
        alarms, first_s = without["false_alarms"]["per_minute"], with_one["mark_after_median_s"]
        (line,) = [line for line in lines if line.startswith(f"{without['rule_s']:g} s: ")]
        assert line.startswith(f"{without['rule_s']:g} s: {alarms:.1f} (")
        assert line.endswith(f"); {first_s:.2f} s")
    assert DEFAULT_MODEL in alert_rules.MEASURED
