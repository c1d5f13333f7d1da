"""Who is answered: every rule that stands before the server."""

import asyncio
import contextlib

import pytest

pytest.importorskip("fastapi", reason="needs fastapi, of the extra `web`")

from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from web_fakes import AnsweringHub, shown

from scr_live.sinks.web.app import create_app
from scr_live.sinks.web.guard import Guard
from scr_live.sinks.web.tokens import MOST_WRONG, WINDOW_S, Guesses, Tokens

TOKEN = "correct-horse-battery"
HOST = "192.168.7.7"


def guarded(*, host="127.0.0.1", token="", is_secure=False, hub=None):
    return Guard(
        create_app(hub or AnsweringHub()),
        host=host,
        port=8080,
        token=token,
        secret="of this run",
        is_secure=is_secure,
    )


def client(app=None, base_url="http://127.0.0.1:8080", **options):
    return TestClient(app or guarded(), base_url=base_url, follow_redirects=False, **options)


def remote(**options):
    return client(guarded(host="0.0.0.0", token=TOKEN, **options), base_url=f"http://{HOST}:8080")


# --- the name it is called by ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["127.0.0.1:8080", "localhost:8080", "LOCALHOST", "[::1]:8080", "127.0.0.1"])
def test_its_own_names_are_answered(name):
    assert client().get("/api/status", headers={"Host": name}).status_code == 200


@pytest.mark.parametrize(
    "name",
    ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "192.168.7.7:8080", "localhost.evil.org"],
)
def test_a_name_that_somebody_made_point_here_is_refused(name):
    answer = client().get("/api/status", headers={"Host": name})
    assert answer.status_code == 421
    assert "name" in answer.json()["detail"]


@pytest.mark.parametrize("name", ["", "a b", "user@127.0.0.1", "127.0.0.1/x", "127.0.0.1:port", "[::1"])
def test_a_malformed_host_is_refused(name):
    assert client().get("/", headers={"Host": name}).status_code == 400


def test_two_hosts_are_refused():
    answer = client().get("/", headers=[("Host", "127.0.0.1"), ("Host", "evil.example")])
    assert answer.status_code in (400, 421)


def test_in_a_network_it_goes_by_any_address_and_by_no_foreign_name():
    app = guarded(host="0.0.0.0", token=TOKEN)
    for name, status in [("10.1.2.3:8080", 401), ("[fd00::1]:8080", 401), ("evil.example:8080", 421)]:
        assert client(app).get("/api/status", headers={"Host": name}).status_code == status
    named = guarded(host="scope.hospital.example", token=TOKEN)
    answer = client(named).get("/api/status", headers={"Host": "scope.hospital.example:8080"})
    assert answer.status_code == 401


# --- the page it is asked from --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1:8080", "http://127.0.0.1:81"]
)
def test_pages_of_others_can_change_nothing(origin):
    hub = AnsweringHub()
    answer = client(guarded(hub=hub)).post(
        "/api/control", json={"overlay": False}, headers={"Origin": origin}
    )
    assert answer.status_code == 403
    assert hub.sent == []


def test_its_own_page_can():
    headers = {"Origin": "http://127.0.0.1:8080", "Sec-Fetch-Site": "same-origin"}
    assert client().post("/api/control", json={"overlay": False}, headers=headers).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null"])
def test_pages_of_others_get_no_video(origin):
    with (
        pytest.raises(WebSocketDisconnect),
        client().websocket_connect("ws://127.0.0.1:8080/ws/video", headers={"Origin": origin}),
    ):
        pass


def test_pages_of_others_cannot_show_its_pictures():
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    assert client().get("/api/snapshot.jpg", headers=headers).status_code == 403


def test_a_link_from_elsewhere_opens_the_page():
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert client().get("/", headers=headers).status_code == 200
    assert client().get("/api/status", headers=headers).status_code == 403


# --- the token ------------------------------------------------------------------------------------------

EVERYTHING = ["/", "/assets/app.js", "/api/status", "/api/sightings", "/api/sightings/1.jpg", "/metrics"]
EVERYTHING += ["/api/snapshot.jpg", "/api/events", "/video.mjpeg", "/openapi.json", "/nothing"]


@pytest.mark.parametrize("path", EVERYTHING)
def test_without_a_token_there_is_nothing(path):
    answer = remote().get(path)
    assert answer.status_code == 401
    assert TOKEN not in answer.text


def test_without_a_token_nothing_changes_and_there_is_no_video():
    hub = AnsweringHub()
    with remote(hub=hub) as browser:
        assert browser.post("/api/control", json={"overlay": False}).status_code == 401
        with pytest.raises(WebSocketDisconnect), browser.websocket_connect(f"ws://{HOST}:8080/ws/video"):
            pass
    assert hub.sent == []


def test_whether_it_lives_needs_no_token():
    assert remote().get("/healthz").status_code == 200
    assert remote().get("/readyz").status_code == 200


def test_programs_send_the_token_in_a_header():
    assert remote().get("/api/status", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert remote().get("/api/status", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert remote().get("/api/status", headers={"Authorization": f"Basic {TOKEN}"}).status_code == 401


def test_a_browser_gets_a_cookie_for_the_token_and_an_address_without_it():
    with remote() as browser:
        answer = browser.get("/", params={"token": TOKEN})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert "Secure" not in cookie
        assert TOKEN not in cookie
        assert browser.get("/").status_code == 200
        assert browser.get("/api/status").status_code == 200


def test_by_tls_the_cookie_is_kept_to_it():
    app = guarded(host="0.0.0.0", token=TOKEN, is_secure=True)
    answer = client(app, base_url=f"https://{HOST}:8080").get("/", params={"token": TOKEN})
    assert "Secure" in answer.headers["set-cookie"]


def test_the_token_counts_in_the_address_of_the_page_alone():
    assert remote().get("/api/status", params={"token": TOKEN}).status_code == 401
    assert remote().post("/", params={"token": TOKEN}).status_code == 401


def test_the_cookie_is_that_of_this_run_and_port():
    assert Tokens(TOKEN, "a").cookie != Tokens(TOKEN, "b").cookie
    with remote() as browser:
        browser.cookies.set("scr_live_8080", Tokens(TOKEN, "another run").cookie)
        assert browser.get("/api/status").status_code == 401
        browser.cookies.set("scr_live_8080", Tokens(TOKEN, "of this run").cookie)
        assert browser.get("/api/status").status_code == 200


def test_on_loopback_a_token_that_was_asked_for_is_needed():
    assert client(guarded(token=TOKEN)).get("/api/status").status_code == 401


def test_wrong_tokens_are_slowed_down_and_cookies_go_on():
    with remote() as browser:
        browser.get("/", params={"token": TOKEN})
        known = dict(browser.cookies)
        browser.cookies.clear()
        for _ in range(MOST_WRONG):
            assert browser.get("/", params={"token": "wrong"}).status_code == 401
        answer = browser.get("/", params={"token": TOKEN})
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= WINDOW_S
        assert browser.get("/api/status", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 429
        browser.cookies.update(known)
        assert browser.get("/api/status").status_code == 200


def test_a_cookie_of_an_earlier_run_is_no_wrong_token():
    with remote() as browser:
        browser.cookies.set("scr_live_8080", "stale")
        for _ in range(3 * MOST_WRONG):
            assert browser.get("/api/status").status_code == 401
        browser.cookies.clear()
        assert browser.get("/", params={"token": TOKEN}).status_code == 303


def test_guesses_are_counted_by_address_and_forgotten_in_time():
    now = [0.0]
    guesses = Guesses(lambda: now[0])
    for _ in range(MOST_WRONG):
        assert guesses.wait_s("10.0.0.1") == 0
        guesses.note("10.0.0.1")
    assert guesses.wait_s("10.0.0.1") == WINDOW_S
    assert guesses.wait_s("10.0.0.2") == 0
    now[0] = WINDOW_S
    assert guesses.wait_s("10.0.0.1") == 0


def test_one_subscriber_has_many_addresses_and_one_count():
    guesses = Guesses(lambda: 0.0)
    for number in range(MOST_WRONG):
        guesses.note(f"2001:db8::{number:x}")
    assert guesses.wait_s("2001:db8::ffff") > 0
    assert guesses.wait_s("2001:db8:0:1::1") == 0


def test_a_flood_of_addresses_fills_no_memory():
    guesses = Guesses(lambda: 0.0)
    for number in range(5000):
        guesses.note(f"10.{number // 65536}.{number // 256 % 256}.{number % 256}")
    assert len(guesses._wrong) == 1000


# --- what is sent ---------------------------------------------------------------------------------------


def test_a_large_body_is_refused_before_it_is_read():
    hub = AnsweringHub()
    answer = client(guarded(hub=hub)).post("/api/control", content=b" " * 5000, headers=JSON)
    assert answer.status_code == 413
    assert hub.sent == []


JSON = {"Content-Type": "application/json"}


def test_a_large_body_without_a_length_is_cut_off():
    hub = AnsweringHub()
    taken = []

    def pieces():
        for _ in range(1000):
            taken.append(1)
            yield b" " * 1000

    answer = client(guarded(hub=hub)).post("/api/control", content=pieces(), headers=JSON)
    assert answer.status_code == 413
    assert hub.sent == []


@pytest.mark.parametrize("length", [b"-1", b"1e3", b"x", b"99999999999999999999", b"\xb2", b"9" * 5000])
def test_a_length_that_is_none_is_refused(length):
    headers = [(b"Content-Type", b"application/json"), (b"Content-Length", length)]
    assert client().post("/api/control", content=b"{}", headers=headers).status_code == 413


def test_a_body_of_two_lengths_is_refused():
    headers = {**JSON, "Content-Length": "2", "Transfer-Encoding": "chunked"}
    hub = AnsweringHub()
    answer = client(guarded(hub=hub)).post("/api/control", content=b"{}", headers=headers)
    assert answer.status_code == 400
    assert answer.headers["connection"] == "close"
    assert hub.sent == []


# --- what is answered -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/api/status", "/nothing", "/assets/nothing", "/healthz"])
def test_every_answer_has_the_headers(path):
    for browser in (client(), remote()):
        headers = browser.get(path).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; ")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../options.py",
        "/assets/..%2foptions.py",
        "/assets/%2e%2e/app.py",
        "/assets/..%5c..%5capp.py",
        "/assets//etc/passwd",
        "/assets/%2fetc%2fpasswd",
        "/assets/index.html%00.css",
        "/..%2f..%2fetc/passwd",
        "/api/sightings/..%2f1.jpg",
    ],
)
def test_no_path_of_a_request_is_opened(path, monkeypatch):
    app = guarded()
    opened = []
    monkeypatch.setattr("pathlib.Path.open", lambda *_, **__: opened.append(1))
    monkeypatch.setattr("builtins.open", lambda *_, **__: opened.append(1))
    assert client(app).get(path).status_code in (404, 422)
    assert not opened


def test_the_viewers_are_limited():
    hub = AnsweringHub()
    hub.show(shown(1))
    with contextlib.ExitStack() as stack:
        for _ in range(64):
            stack.enter_context(hub.watching())
        browser = client(guarded(hub=hub))
        answer = browser.get("/video.mjpeg")
        assert answer.status_code == 503
        assert "64 watch already" in answer.json()["detail"]
        with pytest.raises(WebSocketDisconnect), browser.websocket_connect("ws://127.0.0.1:8080/ws/video"):
            pass
        for _ in range(64):
            stack.enter_context(hub.listening())
        assert browser.get("/api/events").status_code == 503
    assert hub.viewers == hub.listeners == 0


def test_a_refused_request_reaches_nothing():
    reached = []

    async def app(scope, receive, send):
        reached.append(scope)

    guard = Guard(app, host="127.0.0.1", port=8080, token="", secret="", is_secure=False)
    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [(b"host", b"x")]}
    asyncio.run(guard(scope, None, send))
    assert sent[0]["status"] == 421
    assert not reached
