"""Whatever is sent is answered as /openapi.json says, and nothing that is sent ends the server."""

import asyncio

import pytest

pytest.importorskip("fastapi", reason="needs fastapi, of the extra `web`")
pytest.importorskip("schemathesis", reason="needs schemathesis, of the extra `dev`")

import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from web_fakes import METRICS, STATUS, AnsweringHub, shown

from scr_live.sinks.web.app import create_app
from scr_live.sinks.web.guard import Guard

TOKEN = "correct-horse-battery"
CHECKS = [content_type_conformance, response_schema_conformance, status_code_conformance]
FEW = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
STREAMS = ["/api/events", "/video.mjpeg"]


def going():
    hub = AnsweringHub()
    hub.show(shown(1))
    return create_app(hub)


def ended():
    """A run whose streams come to their end."""
    hub = AnsweringHub()
    hub.tell_status({**STATUS, "run": "ended"}, METRICS)
    return create_app(hub)


api = schemathesis.openapi.from_asgi("/openapi.json", going()).exclude(path=STREAMS)
streams = schemathesis.openapi.from_asgi("/openapi.json", ended()).include(path=STREAMS)


@api.parametrize()
@FEW
def test_every_answer_is_a_documented_one(case):
    case.call_and_validate(checks=CHECKS)


@streams.parametrize()
@FEW
def test_so_is_every_stream(case):
    case.call_and_validate(checks=CHECKS)


# --- the guard before it ----------------------------------------------------------------------------------

NAMES = ["origin", "cookie", "authorization", "content-length", "transfer-encoding", "sec-fetch-site"]
HOST = (b"host", b"127.0.0.1:8080")
VALUES = [b"127.0.0.1:8080", b"http://127.0.0.1:8080", b"null", b"Bearer " + TOKEN.encode(), b"\xb2", b"0"]
ODD = [b"9" * 5000, b"scr_live_8080=x; =; ;=", b"chunked", b"[::1", b"navigate", b"application/json", b"-1"]
names = st.sampled_from([*NAMES, "sec-fetch-mode", "last-event-id", "content-type", "upgrade", "x"])
values = st.sampled_from([*VALUES, *ODD]) | st.binary(max_size=40)
paths = st.sampled_from(["/", "/api/status", "/api/control", "/healthz", "/assets/app.js", "//", "/%00", "*"])


behind = going()


def answered(app, scope):
    sent = []

    async def receive():
        return {"type": "http.disconnect"} if sent else {"type": "http.request", "body": b"{}"}

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent[0]["status"]


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(
    method=st.sampled_from(["GET", "POST", "HEAD", "TRACE", "CONNECT", "FOO"]),
    path=paths,
    query=st.binary(max_size=30) | st.sampled_from([b"token=", b"token=%ff%00", b"token=x&" * 50]),
    headers=st.lists(st.tuples(names, values), max_size=6),
    token=st.sampled_from(["", TOKEN]),
)
def test_whatever_stands_in_a_head_the_guard_answers(method, path, query, headers, token):
    guard = Guard(behind, host="127.0.0.1", port=8080, token=token, secret="s", is_secure=False)
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": query,
        "headers": [HOST, *((name.encode(), value) for name, value in headers)],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8080),
    }
    assert answered(guard, scope) < 500
