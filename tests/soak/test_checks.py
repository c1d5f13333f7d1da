"""Every limit of a soak can be kept and broken."""

import json
from dataclasses import replace

import pytest
from run_figures import run_stats

from scr_live.faults.schedule import SourceFault
from scr_live.faults.source import Injection
from scr_live.pipeline.timing import Histogram
from scr_live.soak.config import SoakConfig
from scr_live.soak.outages import Outage
from scr_live.soak.probe import Seen
from scr_live.soak.process import Usage
from scr_live.soak.recoveries import Recovery
from scr_live.soak.report import Report
from scr_live.soak.samples import COLUMNS, Sample

BACK = Recovery(SourceFault.DISCONNECT, 10.0, 12.0, noticed_s=0.1, recovered_s=0.5)
ANSWERED = Outage(20.0, 23.0, could_at_s=22.0, overdue_s=0.4)
GONE = Outage(20.0, None, could_at_s=22.0, overdue_s=30.0)
AWAY = Recovery(SourceFault.DISCONNECT, 10.0, None, noticed_s=0.1, recovered_s=None)


def delay(ms):
    histogram = Histogram()
    histogram.record(ms / 1000)
    return histogram.latency()


USUAL = {
    "memory_mb": 200.0,
    "threads": 20,
    "files": 12,
    "children": 1,
    "delay_ms": 5.0,
    "pause_s": 0.2,
    "inferred_share": 0.5,
}


def sample(number, **unusual):
    found = {**USUAL, **unusual}
    return Sample(
        at_s=60.0 * number,
        usage=Usage(*(found[name] for name in ("memory_mb", "threads", "files", "children")), 40.0),
        seen=Seen(100, 2, delay(found["delay_ms"]), found["pause_s"]),
        captured=100 * number,
        inferred=int(found["inferred_share"] * 100 * number),
        composed=100 * number,
        recorded=100,
        dropped=0,
        ai="AI on",
    )


def samples(**growing):
    """An hour of samples; each named figure grows by so much from one to the next."""
    return [
        sample(number, **{name: USUAL[name] + number * step for name, step in growing.items()})
        for number in range(60)
    ]


def report(**changes):
    counts = {"captured": 9990, "placeholders": 10, "composed": 10_000, "recorded": 9000}
    stats = run_stats(**{**counts, **changes.pop("stats", {})})
    sound = Report(
        config=SoakConfig(60.0),
        stats=stats,
        events={"signal-lost": 1},
        cut_short=False,
        failure="",
        injected=[Injection(SourceFault.BLACK, 3.0, 1.0, 20)],
        recoveries=[BACK],
        samples=samples(),
        out_of_order=0,
        readable=9000,
        outages=[ANSWERED],
    )
    return replace(sound, **changes)


def test_a_sound_run_keeps_all_limits():
    sound = report()
    assert [check.name for check in sound.checks if not check.passed] == []
    assert sound.passed
    assert {check.verdict for check in sound.checks} == {"kept"}
    assert len(sound.checks) == 18


BROKEN = {
    "errors of the run": {"failure": "the recording broke off"},
    "frames not composed": {"stats": {"composed": 9980}},
    "frames out of order": {"out_of_order": 1},
    "longest pause of the picture": {"samples": [*samples(), sample(60, pause_s=3.0)]},
    "losses of the signal without a fault": {"recoveries": [replace(BACK, kind=None, noticed_s=None)]},
    "longest until noticed": {"recoveries": [replace(BACK, noticed_s=1.5)]},
    "losses of the signal that ended": {"recoveries": [AWAY, BACK]},
    "longest return": {"recoveries": [replace(BACK, recovered_s=4.0)]},
    "failures of the model that ended": {"outages": [ANSWERED, GONE]},
    "longest return of the model, less its back-off": {"outages": [replace(ANSWERED, overdue_s=9.0)]},
    "frames inferred in the last minute": {"samples": [*samples(), sample(60, inferred_share=0.49)]},
    "growth of memory": {"samples": samples(memory_mb=1.0)},
    "growth of median video delay": {"samples": samples(delay_ms=1.0)},
    "threads": {"samples": samples(threads=1)},
    "open files": {"samples": samples(files=1)},
    "processes": {"samples": samples(children=1)},
    "recorded files that cannot be read": {"unreadable": ["soak-0001.mp4: Invalid data"]},
    "recorded pictures that are in the files": {"readable": 8999},
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_limit_can_be_broken(name):
    found = report(**BROKEN[name])
    assert [check.name for check in found.checks if not check.passed] == [name]
    assert not found.passed


def test_what_a_burst_costs_is_no_loss():
    burst = [Injection(SourceFault.BURST, 3.0, 1.0, 30)]
    assert report(stats={"composed": 9965}, injected=burst).passed
    assert not report(stats={"composed": 9955}, injected=burst).passed


def test_the_last_loss_may_go_on():
    assert report(recoveries=[BACK, AWAY]).passed


def test_a_model_that_has_just_failed_may_be_away_at_the_end():
    assert report(outages=[ANSWERED, replace(GONE, overdue_s=2.0)]).passed


def test_growth_whose_interval_holds_the_limit_is_neither_kept_nor_broken():
    rising = [sample(number, delay_ms=5 + 0.02 * number + number % 3) for number in range(60)]
    found = report(samples=rising)
    (judged,) = [check for check in found.checks if check.name == "growth of median video delay"]
    assert found.delay.low_per_h < 1.0 < found.delay.high_per_h
    assert (judged.passed, judged.verdict) == (True, "not settled")
    assert judged.as_dict()["verdict"] == "not settled"


def test_growth_is_judged_after_a_while_only():
    quick = [replace(one, at_s=one.at_s / 10) for one in samples(memory_mb=1.0)]
    assert report(samples=quick).passed
    assert report(samples=quick).memory.per_h > 500


def test_what_has_no_figures_is_not_judged():
    few = report(samples=samples()[:5], recoveries=[], outages=[], readable=None)
    assert [check.name for check in few.checks] == [
        "errors of the run",
        "frames not composed",
        "frames out of order",
        "longest pause of the picture",
        "frames inferred in the last minute",
    ]


def test_noise_is_no_growth():
    noisy = [sample(number, memory_mb=200 + 5 * (number % 2)) for number in range(60)]
    assert report(samples=noisy).passed


def test_a_report_is_json_with_all_that_was_found():
    told = json.loads(json.dumps(report().as_dict(), allow_nan=False))
    assert told["passed"] is True
    assert told["injected"]["kinds"] == {"source black": 1}
    assert told["lost"]["not_composed"] == 0
    assert told["recoveries"]["recovered_s"] == {"min": 0.5, "median": 0.5, "max": 0.5}
    assert told["outages"]["overdue_s"] == {"min": 0.4, "median": 0.4, "max": 0.4}
    assert told["growth"]["threads"] == {"min": 20, "median": 20, "max": 20}
    assert {len(row) for row in told["samples"]["rows"]} == {len(COLUMNS)}
    assert "cpu" in told["machine"]


def test_a_system_that_does_not_tell_is_not_judged_by_it():
    silent = [replace(one, usage=None) for one in samples()]
    found = report(samples=silent)
    assert found.passed
    assert found.memory is None
    assert {len(row) for row in found.as_dict()["samples"]["rows"]} == {len(COLUMNS)}
