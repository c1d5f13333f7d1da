"""`scr-live soak` as a user meets it."""

import json
import signal
import sys
import time

import pytest

TINY = ("--size", "64x48", "--fault-every", 0.3, "--sample-every", 0.2)


def test_the_verdict_is_the_exit_code_and_the_report_has_it(cli, tmp_path):
    report = tmp_path / "soak.json"
    done = cli("soak", "--minutes", 0.02, "--report", report, *TINY)
    told = json.loads(report.read_text())
    assert done.err == ""
    assert done.code == (0 if told["passed"] else 1)
    assert done.out.splitlines()[-1] == ("passed" if told["passed"] else "FAILED")
    for check in told["checks"]:
        assert check["name"] in done.out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--size", "big"), "--size must be WIDTHxHEIGHT"),
        (("--minutes", "0"), "--minutes must be more than 0"),
    ],
)
def test_a_mistake_is_one_sentence(cli, options, words):
    done = cli("soak", "--minutes", 0.02, *options)
    assert (done.code, done.out) == (2, "")
    assert words in done.err


@pytest.mark.skipif(sys.platform == "win32", reason="signals are another matter there")
def test_ctrl_c_ends_it_early_and_the_report_is_written(start, finish, tmp_path):
    report = tmp_path / "soak.json"
    recording = tmp_path / "soak-0001.mp4"
    process = start("soak", "--minutes", 60, "--report", report, "--record", tmp_path, *TINY)
    deadline = time.monotonic() + 30
    while not recording.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    done = finish(process)
    assert "Traceback" not in done.err
    assert done.code in (0, 1)
    assert json.loads(report.read_text())["soak"]["cut_short"] is True
    assert "ended after" in done.out
