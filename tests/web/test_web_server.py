"""The server's process beside a run: whatever becomes of it, the run does not wait."""

import contextlib
import http.client
import json
import os
import signal
import struct
import time

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="needs fastapi, of the extra `web`")
pytest.importorskip("websockets", reason="needs websockets, of the extra `web`")

import cv2
from web_run import Run, until

from scr_live.controls import Controls
from scr_live.events import EventKind
from scr_live.processes.wire import Message
from scr_live.sinks.web import link


@pytest.fixture
def run(tmp_path):
    with Run(tmp_path) as running:
        yield running


def index_of(message):
    return struct.unpack("!Qd", message[:16])


def test_pictures_flow_to_whoever_watches(run):
    with run.watch() as viewer:
        seen = []
        for _ in range(10):
            message = viewer.recv(timeout=30)
            index, age_s = index_of(message)
            picture = cv2.imdecode(np.frombuffer(message[16:], np.uint8), cv2.IMREAD_COLOR)
            assert picture.shape == (48, 64, 3)
            assert abs(int(picture[24, 32, 0]) - index % 200) <= 2
            assert 0 <= age_s < 30
            seen.append(index)
            viewer.send("ok")
    assert seen == sorted(set(seen))


def test_a_picture_larger_than_screens_is_made_smaller(run):
    run.size = (2160, 3840)
    assert run.ask("GET", "/healthz")[0] == 200
    with run.watch() as viewer:
        shapes = set()
        while (1080, 1920, 3) not in shapes:
            data = np.frombuffer(viewer.recv(timeout=30)[16:], np.uint8)
            shapes.add(cv2.imdecode(data, cv2.IMREAD_COLOR).shape)
            viewer.send("ok")
    assert shapes == {(1080, 1920, 3)}


def test_while_nobody_watches_nothing_is_sent_but_a_picture_that_is_asked_for(run, monkeypatch):
    sent = []
    real = link._send_picture
    monkeypatch.setattr(link, "_send_picture", lambda *given: (sent.append(1), real(*given)))
    assert run.ask("GET", "/healthz")[0] == 200
    before = run.count
    until(lambda: run.count > before + 50, "the run goes on")
    assert not sent
    status, picture = run.ask("GET", "/api/snapshot.jpg")
    assert (status, picture[:2]) == (200, b"\xff\xd8")
    assert len(sent) == 1


def test_the_status_names_no_folder(run):
    until(lambda: run.ask("GET", "/api/status")[0] == 200, "a status")
    status = run.ask("GET", "/api/status")[1]
    assert status["source"]["name"] == "clip.mp4"
    assert status["model"] == "tiny"
    assert status["frames"]["composed"] > 0
    assert "patients" not in json.dumps(status)


def test_controls_reach_the_run(run, tmp_path):
    body = {"overlay": False, "threshold": 0.25, "alert_after_s": 2, "withdrawal": True, "snapshot": True}
    until(lambda: run.ask("GET", "/api/status")[0] == 200, "a status")
    code, now = run.ask("POST", "/api/control", body)
    assert code == 200, now
    assert (run.controls.overlay, run.controls.threshold, run.controls.alert_after_s) == (False, 0.25, 2.0)
    assert run.journal.counts[EventKind.WITHDRAWAL_STARTED] == 1
    assert (tmp_path / now["saved"]).is_file()
    until(lambda: run.ask("GET", "/api/status")[1]["withdrawal_s"] is not None, "the withdrawal")
    run.ask("POST", "/api/control", {"withdrawal": True})
    assert run.controls.withdrawing_since is None


def test_a_sighting_gets_a_picture_though_nobody_watches(run):
    assert run.ask("GET", "/healthz")[0] == 200
    place = {"x": 10, "y": 10, "width": 9, "height": 9}
    run.journal.tell(EventKind.SIGHTING_OPENED, stream_s=1.0, sighting=1, first_s=0.5, score=0.8, **place)
    until(lambda: (run.ask("GET", "/api/sightings")[1] or [{"snapshot": None}])[0]["snapshot"], "a picture")
    assert run.ask("GET", "/api/sightings/1.jpg")[1][:2] == b"\xff\xd8"


def test_a_killed_server_is_started_again_at_the_same_port_and_knows_what_happened(run):
    run.journal.tell(EventKind.AI_FAILED, engine="none", cause="/opt/models/x.onnx is broken")
    assert run.ask("GET", "/healthz")[0] == 200
    before = run.count
    os.kill(run.server.pid, signal.SIGKILL)
    until(lambda: run.server.restarts == 1, "a restart")
    assert run.ask("GET", "/healthz")[0] == 200
    assert run.count > before
    assert run.slowest_s < 0.1
    assert "SIGKILL" in run.notes[0]
    connection = http.client.HTTPConnection("127.0.0.1", run.port, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", "/api/events", headers={"Last-Event-ID": "0"})
        text = connection.getresponse().read(150).decode()
    assert "id: 1\nevent: ai-failed" in text
    assert "/opt" not in text


def test_a_server_that_hangs_is_replaced_and_the_run_goes_on(run, monkeypatch):
    monkeypatch.setattr(link, "SILENT_S", 1.0)
    with run.watch() as viewer:
        viewer.recv(timeout=30)
        run.size = (1080, 1920)  # fills every buffer on the way
        pid = run.server.pid
        before = run.count
        os.kill(pid, signal.SIGSTOP)
        until(lambda: run.server.restarts == 1, "a restart")
    assert run.ask("GET", "/healthz")[0] == 200
    assert run.server.pid != pid
    assert run.count > before
    assert run.slowest_s < 0.1


def test_a_hung_server_does_not_hold_up_the_end(tmp_path):
    with Run(tmp_path) as run:
        assert run.ask("GET", "/healthz")[0] == 200
        os.kill(run.server.pid, signal.SIGSTOP)
        began = time.monotonic()
    assert time.monotonic() - began < 20  # a sixth of it on a machine that has nothing else to do


def test_viewers_hear_of_the_end(tmp_path):
    with Run(tmp_path) as run:
        until(lambda: run.ask("GET", "/api/status")[0] == 200, "a status")
        connection = http.client.HTTPConnection("127.0.0.1", run.port, timeout=30)
        connection.request("GET", "/api/events")
        events = connection.getresponse()
    with contextlib.closing(connection):
        assert '"run": "ended"' in events.read().decode().rpartition("data: ")[2]


def test_what_the_process_asks_for_is_checked_once_more(run):
    run.server._obey(Message("control", {"number": 1, "changes": {"threshold": 7}}, bytearray()))
    run.server._obey(Message("control", {"number": 1, "changes": {"path": "/etc"}}, bytearray()))
    with pytest.raises(ValueError, match="rm"):
        run.server._obey(Message("rm", {}, bytearray()))
    assert run.controls == Controls(alert_after_s=0.5)


class Broken:
    """Margins that cannot be found."""

    def follow(self, picture):
        raise ZeroDivisionError


def test_a_picture_that_cannot_be_shown_ends_nothing_and_is_not_shown(run, caplog):
    assert run.ask("GET", "/healthz")[0] == 200
    run.server._margins = Broken()
    assert run.ask("GET", "/api/snapshot.jpg")[0] == 503
    assert run.ask("GET", "/healthz")[0] == 200
    assert caplog.text.count("cannot be shown on the page") == 1
