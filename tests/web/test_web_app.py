"""What the server answers to those it answers."""

import json

import pytest

pytest.importorskip("fastapi", reason="needs fastapi, of the extra `web`")

from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from web_fakes import METRICS, PLACE, STATUS, AnsweringHub, event, shown

from scr_live.sinks.web import schemas
from scr_live.sinks.web.app import create_app

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def hub():
    return AnsweringHub()


@pytest.fixture
def client(hub):
    return TestClient(create_app(hub))


def test_the_status_is_what_was_told_and_who_watches(hub, client):
    with hub.watching():
        body = client.get("/api/status").json()
    assert body == {**STATUS, "viewers": 1, "run": "going"}
    schemas.Status.model_validate(body, extra="forbid")


def test_before_anything_was_told_there_is_no_status(hub, client):
    hub.status = {}
    assert client.get("/api/status").status_code == 503
    assert client.get("/readyz").status_code == 503
    assert client.get("/metrics").status_code == 200


def test_sightings_come_newest_first_with_a_picture_once_there_is_one(hub, client):
    for seq, number in enumerate((1, 2), start=1):
        hub.tell_event(
            *event("sighting-opened", seq, sighting=number, first_s=0.5, score=0.7, field_share=0.1, **PLACE)
        )
    hub.tell_event(
        *event("sighting-closed", 3, sighting=1, first_s=0.5, last_s=2.0, score=0.9, largest_field_share=0.2)
    )
    hub.sightings.keep_picture(1, b"a JPEG")
    newest, oldest = client.get("/api/sightings").json()
    assert (newest["number"], newest["open"], newest["snapshot"]) == (2, True, None)
    assert oldest == {
        "number": 1,
        "first_s": 0.5,
        "last_s": 2.0,
        "open": False,
        "score": 0.9,
        "largest_field_share": 0.2,
        "snapshot": "/api/sightings/1.jpg",
    }
    schemas.Sighting.model_validate(oldest, extra="forbid")
    assert client.get("/api/sightings/1.jpg").content == b"a JPEG"
    assert client.get("/api/sightings/2.jpg").status_code == 404


@pytest.mark.parametrize("number", ["0", "-1", "x", "9" * 400, "1.5"])
def test_a_number_that_is_none_is_refused(number, client):
    assert client.get(f"/api/sightings/{number}.jpg").status_code == 422


def test_a_snapshot_is_a_picture_of_now(hub, client):
    hub.show(shown(1))
    answer = client.get("/api/snapshot.jpg")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-frame-index"] == "102"
    assert hub.sent == [("look", {})]


def test_a_change_reaches_the_run_and_its_controls_come_back(hub, client):
    hub.answers = {"controls": {"overlay": False, "threshold": 0.4, "alert_after_s": 1.0}}
    answer = client.post("/api/control", json={"overlay": False, "threshold": 0.4})
    assert answer.status_code == 200
    assert answer.json() == hub.answers["controls"]
    assert hub.sent == [("control", {"number": 1, "changes": {"overlay": False, "threshold": 0.4}})]


def test_a_snapshot_that_was_saved_is_named(hub, client):
    hub.answers = {"controls": STATUS["controls"], "snapshot": "scr-live-frame000007.png"}
    assert client.post("/api/control", json={"snapshot": True}).json()["saved"] == "scr-live-frame000007.png"


def test_a_run_that_cannot_do_it_says_why(hub, client):
    hub.answers = {"error": "No snapshot in pictures: no space left on device."}
    answer = client.post("/api/control", json={"snapshot": True})
    assert (answer.status_code, answer.json()["detail"]) == (503, hub.answers["error"])


def test_a_run_that_does_not_answer_is_not_waited_for(hub, client, monkeypatch):
    monkeypatch.setattr("scr_live.sinks.web.hub._ANSWER_S", 0.01)
    hub.answers = None
    answer = client.post("/api/control", json={"overlay": True})
    assert answer.status_code == 503
    assert hub._asked == {}


def test_after_the_end_nothing_can_be_changed(hub, client):
    hub.tell_status({**STATUS, "run": "ended"}, METRICS)
    assert client.post("/api/control", json={"overlay": False}).status_code == 409
    assert client.get("/api/status").json()["run"] == "ended"
    assert client.get("/readyz").text == "the run has ended\n"
    assert hub.sent == []


def test_without_following_there_is_no_alert_rule(hub, client):
    hub.tell_status({**STATUS, "controls": {**STATUS["controls"], "alert_after_s": None}}, METRICS)
    answer = client.post("/api/control", json={"alert_after_s": 1})
    assert answer.status_code == 422
    assert "no alert rule" in answer.json()["detail"]


@pytest.mark.parametrize("wanted", [True, False])
def test_where_no_recording_can_be_switched_the_reason_is_the_answer(wanted, hub, client):
    controls = {**STATUS["controls"], "recording": None}
    hub.tell_status({**STATUS, "controls": controls, "recording_fixed": "A file is whole."}, METRICS)
    answer = client.post("/api/control", json={"recording": wanted})
    assert (answer.status_code, answer.json()["detail"]) == (409, "A file is whole.")
    assert hub.sent == []


def test_a_recording_that_does_not_begin_is_told_why(hub, client):
    hub.answers = {"error": "1 MB is free there."}
    answer = client.post("/api/control", json={"recording": True})
    assert (answer.status_code, answer.json()["detail"]) == (503, "1 MB is free there.")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "That is no JSON"),
        (b"{", "That is no JSON"),
        (b"\xff", "no UTF-8"),
        (b"[" * 4000, "brackets|JSON"),
        (b'{"threshold": NaN}', "threshold must be a number"),
        (b'{"threshold": 1' + b"0" * 3900 + b"}", "threshold|digits"),
        (b'{"threshold": 2}', "threshold must be a number from 0.01 to 0.99; found 2"),
    ],
)
def test_what_cannot_be_meant_is_a_sentence(body, words, hub, client):
    answer = client.post("/api/control", content=body, headers=JSON)
    assert answer.status_code == 422
    assert any(word in answer.json()["detail"] for word in words.split("|"))
    assert hub.sent == []


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_forms_of_other_pages_are_not_read(kind, hub, client):
    answer = client.post("/api/control", content=b'{"overlay": false}', headers={"Content-Type": kind})
    assert answer.status_code == 415
    assert hub.sent == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.binary(max_size=300)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["overlay", "threshold", "snapshot", "alert_after_s", "x"]), inner
            )
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode())
)
def test_whatever_is_sent_is_answered_as_documented(client, body):
    answer = client.post("/api/control", content=body, headers=JSON)
    assert answer.status_code in (200, 422)
    model = schemas.ControlsNow if answer.status_code == 200 else schemas.Problem
    model.model_validate(answer.json())


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["/", "/api/control", "/api/status", "/video.mjpeg"])
def test_nothing_answers_other_methods(method, path, client):
    assert client.request(method, path).status_code == 405


def test_the_api_is_described(client):
    paths = client.get("/openapi.json").json()["paths"]
    for path in ("/api/status", "/api/sightings", "/api/control", "/api/events", "/metrics", "/healthz"):
        assert path in paths
    body = paths["/api/control"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"]["threshold"] == {"type": "number", "minimum": 0.01, "maximum": 0.99}
    assert client.get("/docs").status_code == 404


def test_metrics_are_prometheus_s(client):
    parser = pytest.importorskip("prometheus_client.parser", reason="needs prometheus-client")
    families = {
        family.name: family for family in parser.text_string_to_metric_families(client.get("/metrics").text)
    }
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in families.values()
        for sample in family.samples
    }
    assert samples["scr_live_frames_total", "composed"] == 9
    assert samples["scr_live_dropped_total", "to-model"] == 1
    assert samples["scr_live_sightings_total",] == 3
    assert samples["scr_live_reconnects_total",] == 1
    assert samples["scr_live_disk_free_bytes",] == 5000
    assert samples["scr_live_signal", "ok"] == 1
    assert samples["scr_live_signal", "lost"] == 0
    assert families["scr_live_video_delay_seconds"].type == "histogram"
    assert samples["scr_live_video_delay_seconds_bucket", "+Inf"] == 2
    assert samples["scr_live_video_delay_seconds_sum",] == 0.5


def test_it_is_ready_while_pictures_come(hub, client, monkeypatch):
    assert client.get("/readyz").status_code == 200
    hub.tell_status({**STATUS, "signal": "lost"}, METRICS)
    assert client.get("/readyz").text == "no signal\n"
    hub.tell_status(STATUS, METRICS)
    monkeypatch.setattr("scr_live.sinks.web.hub._MOVES_S", -1.0)
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").status_code == 200
