import pytest

from scr_live.events import EventKind, Journal
from scr_live.sinks.event_log import EventLog


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "events.jsonl"
    with EventLog(path) as log:
        Journal(log.heard).tell(EventKind.RUN_STARTED, stream_s=0.0, source="tower")
    return path


def test_a_page_is_made_and_what_the_log_lacks_is_said(cli, log, tmp_path):
    out = tmp_path / "report.html"
    done = cli("report", log, "-o", out)
    assert (done.code, done.err) == (0, "")
    note, made = done.out.splitlines()
    assert note.startswith("note      The log does not say how the run ended")
    assert made == f"report    {out}: 0 sightings"
    assert "tower" in out.read_text(encoding="utf-8")


def test_mistakes_are_one_paragraph(cli, log, tmp_path):
    out = tmp_path / "report.html"
    out.touch()
    done = cli("report", log, "-o", out)
    assert done.code == 1
    assert "--force" in done.err
    log.write_text("hello")
    done = cli("report", log, "-o", out, "--force")
    assert done.code == 1
    assert "is no event log of scr-live" in " ".join(done.err.split())
