"""What a stranger may try against the real process: refused, and everybody else goes on."""

import contextlib
import os
import socket
import ssl
import struct
import subprocess

import pytest

pytest.importorskip("fastapi", reason="needs fastapi, of the extra `web`")
pytest.importorskip("websockets", reason="needs websockets, of the extra `web`")

from web_run import Run

TOKEN = "correct-horse-battery"
HEAD = b"Host: 127.0.0.1\r\n"
TOO_LONG = (400, 431)  # by whether it came in one piece
UPGRADE = (
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A run whose page everybody of the machine may see."""
    with Run(tmp_path_factory.mktemp("run")) as run:
        assert run.ask("GET", "/healthz")[0] == 200
        pid = run.server.pid
        yield run
        assert run.server.restarts == 0
        assert run.server.pid == pid


@pytest.fixture(scope="module")
def closed(tmp_path_factory):
    """A run whose page needs a token."""
    with Run(tmp_path_factory.mktemp("run"), token=TOKEN) as run:
        assert run.ask("GET", "/healthz")[0] == 200
        yield run
        assert run.server.restarts == 0


@contextlib.contextmanager
def connected(run):
    with socket.create_connection(("127.0.0.1", run.port)) as connection:
        connection.settimeout(30)
        yield connection


def received(connection):
    """All that comes until the other side closes."""
    found = b""
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(65536):
            found += piece
    return found


def status_of(run, sent):
    with connected(run) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(sent)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while b"\r\n" not in answer and (piece := connection.recv(65536)):
                answer += piece
    return int(answer.split()[1]) if answer else 0


# --- requests -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /api/status HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
        (b"GET /api/status HTTP/1.1\r\n\r\n", 400),
        (b"GET /api/status HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
        (b"GET /../../etc/passwd HTTP/1.1\r\n" + HEAD + b"\r\n", 404),
        (b"GET /assets/..%2f..%2fapp.py HTTP/1.1\r\n" + HEAD + b"\r\n", 404),
        (b"GET /assets/%2fetc%2fpasswd HTTP/1.1\r\n" + HEAD + b"\r\n", 404),
        (b"GET //etc/passwd HTTP/1.1\r\n" + HEAD + b"\r\n", 404),
        (b"GET file:///etc/passwd HTTP/1.1\r\n" + HEAD + b"\r\n", 404),
        (b"GET http://evil.example/ HTTP/1.1\r\n" + HEAD + b"\r\n", 404),
        (b"TRACE /api/status HTTP/1.1\r\n" + HEAD + b"\r\n", 405),
        (b"FOO /api/status HTTP/1.1\r\n" + HEAD + b"\r\n", 405),
        (b"CONNECT evil.example:443 HTTP/1.1\r\n" + HEAD + b"\r\n", 404),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + HEAD + b"X: " + b"y" * 20_000 + b"\r\n\r\n", TOO_LONG),
        (b"GET /" + b"y" * 20_000 + b" HTTP/1.1\r\n" + HEAD + b"\r\n", TOO_LONG),
        (b"GET / HTTP/1.1\r\n" + HEAD + b"X: a\r\n" * 4000 + b"\r\n", TOO_LONG),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\x00b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + HEAD + b"X : y\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + HEAD + b"Content-Length: 99999999999999999999\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\n" + HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n", 400),
        (b"POST /api/control HTTP/1.1\r\n" + HEAD + b"Content-Length: 5000\r\n\r\n", 413),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100, 400),
        (os.urandom(3000) + b"\r\n\r\n", 400),
    ],
)
def test_odd_requests_are_answered_in_one_line(sent, status, served):
    assert status_of(served, sent) in (status if isinstance(status, tuple) else (status,))


SMUGGLED = b"GET /smuggled HTTP/1.1\r\n" + HEAD + b"\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" % (5 + len(SMUGGLED)),
        b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"Content-Length: +0\r\n\r\n",
    ],
)
def test_no_request_hides_in_the_body_of_another(head, served):
    kind = b"Content-Type: application/json\r\n"
    with connected(served) as connection:
        connection.sendall(b"POST /api/control HTTP/1.1\r\n" + HEAD + kind + head + SMUGGLED)
        found = received(connection)
    assert found.count(b"HTTP/1.1 ") == 1
    assert found.split()[1] in (b"400", b"501")


def test_a_header_of_an_answer_cannot_be_made_from_a_request(closed):
    query = b"/?token=%s%%0d%%0aSet-Cookie:%%20x=y" % TOKEN.encode()
    with connected(closed) as connection:
        connection.sendall(b"GET " + query + b" HTTP/1.1\r\n" + HEAD + b"Connection: close\r\n\r\n")
        found = received(connection)
    assert found.startswith(b"HTTP/1.1 401")
    assert b"set-cookie" not in found.lower()


def test_after_the_token_the_address_and_what_is_sent_on_are_without_it(closed):
    with connected(closed) as connection:
        request = b"GET /?token=%s&next=//evil.example HTTP/1.1\r\n" % TOKEN.encode()
        connection.sendall(request + HEAD + b"Connection: close\r\n\r\n")
        head = received(connection).lower()
    assert head.startswith(b"http/1.1 303")
    assert b"\r\nlocation: /\r\n" in head
    assert b"\r\nreferrer-policy: no-referrer\r\n" in head
    assert TOKEN.encode() not in head


def test_deep_json_is_a_sentence(served):
    for body in (b"[" * 4000, b'{"a":' * 800):
        with connected(served) as connection:
            length = b"Content-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
            connection.sendall(b"POST /api/control HTTP/1.1\r\n" + HEAD + length % len(body) + body)
            assert received(connection).startswith(b"HTTP/1.1 422")


@pytest.mark.parametrize("seen", [b"0\r\nX: y", b"-1", b"9" * 4000, b"\xb2", b"1e9", b"0; DROP"])
def test_the_number_of_the_last_event_is_a_number_or_nothing(seen, served):
    sent = b"GET /api/events HTTP/1.1\r\n" + HEAD + b"Last-Event-ID: " + seen + b"\r\n\r\n"
    assert status_of(served, sent) == 200


# --- patience -------------------------------------------------------------------------------------------


def test_a_body_that_comes_after_the_answer_holds_no_connection(served):
    with connected(served) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\n" + HEAD + b"Content-Length: 4000\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        with contextlib.suppress(ConnectionError):
            connection.sendall(b"x")
        received(connection)  # to its end, which comes


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HTTP/1.1\r\n",
        b"GET /healthz HTTP/1.1\r\n" + HEAD + b"\r\n",
        b"GET /healthz HTTP/1.1\r\n" + HEAD + b"Content-Length: 9\r\n\r\n",
    ],
)
def test_a_flood_of_connections_keeps_out_nobody(sent, served):
    with contextlib.ExitStack() as stack, served.watch() as viewer:
        viewer.recv(timeout=30)
        viewer.send("ok")
        for _ in range(400):
            with contextlib.suppress(OSError):
                connection = stack.enter_context(connected(served))
                connection.sendall(sent)
        assert served.ask("GET", "/api/status")[0] == 200
        for _ in range(3):
            viewer.recv(timeout=30)
            viewer.send("ok")


def test_a_crowd_of_requests_in_one_connection_is_answered_one_after_the_other(served):
    with connected(served) as connection:
        connection.sendall((b"GET /healthz HTTP/1.1\r\n" + HEAD + b"\r\n") * 200)
        connection.shutdown(socket.SHUT_WR)
        assert received(connection).count(b"HTTP/1.1 200") <= 200
    assert served.ask("GET", "/healthz")[0] == 200


# --- WebSocket ------------------------------------------------------------------------------------------


def frame(opcode, data=b"", *, first=0x80, masked=True, length=None):
    """One frame; the mask is all zeros, so that the data stand as they are."""
    length = len(data) if length is None else length
    mark = 0x80 if masked else 0
    if length < 126:
        size = struct.pack("!B", mark | length)
    elif length < 65536:
        size = struct.pack("!BH", mark | 126, length)
    else:
        size = struct.pack("!BQ", mark | 127, length)
    return bytes([first | opcode]) + size + (b"\0" * 4 if masked else b"") + data


FRAMES = {
    "another word": frame(1, b"no"),
    "binary": frame(2, b"ok"),
    "no UTF-8": frame(1, b"\xff\xfe"),
    "long": frame(1, b"o" * 1025),
    "huge by its length": frame(1, b"ok", length=1 << 62),
    "more than there are numbers for": frame(1, b"ok", length=(1 << 64) - 1),
    "without a mask": frame(1, b"ok", masked=False),
    "an operation that is none": frame(3, b"ok"),
    "a reserved bit": frame(1, b"ok", first=0xC0),
    "a continuation of nothing": frame(0, b"ok"),
    "pieces without end": frame(1, b"o" * 600, first=0) + frame(0, b"o" * 600, first=0),
    "a ping in pieces": frame(9, b"ok", first=0),
    "a long ping": frame(9, b"o" * 126),
    "a close of one byte": frame(8, b"x"),
    "a close with a number that is none": frame(8, struct.pack("!H", 1)),
    "noise": bytes(range(256)) * 20,
}


@contextlib.contextmanager
def upgraded(run):
    with connected(run) as connection:
        connection.sendall(b"GET /ws/video HTTP/1.1\r\n" + HEAD + UPGRADE)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += connection.recv(1)
        assert head.startswith(b"HTTP/1.1 101")
        yield connection


def farewell(connection):
    """Why the server ends it: the data of its close frame; empty if it says nothing."""
    with connection.makefile("rb") as stream, contextlib.suppress(ConnectionError):
        while head := stream.read(2):
            length = head[1]
            if length == 126:
                length = int.from_bytes(stream.read(2))
            elif length == 127:
                length = int.from_bytes(stream.read(8))
            data = stream.read(length)
            if head[0] == 0x88:
                return data
    return b""


@pytest.mark.parametrize("sent", FRAMES.values(), ids=FRAMES)
def test_odd_frames_close_their_connection_and_no_other(sent, served):
    with served.watch() as viewer:
        viewer.recv(timeout=30)
        with upgraded(served) as connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall(sent)
            assert b"nothing was drawn" not in farewell(connection)  # that is how a silent one ends
        for _ in range(3):
            viewer.send("ok")
            viewer.recv(timeout=30)


def test_a_frame_that_is_cut_off_and_a_viewer_that_leaves_without_a_word_end_nothing(served):
    for sent in (frame(1, b"ok")[:-1], frame(1, b"ok", length=900), b"\x81", b""):
        with upgraded(served) as connection:
            connection.sendall(sent)
    assert served.ask("GET", "/healthz")[0] == 200


def test_a_flood_of_answers_costs_no_memory_of_the_server(served):
    before = resident_bytes(served.server.pid)
    with served.watch() as viewer, upgraded(served) as connection:
        connection.setblocking(False)
        sent = 0
        for _ in range(20_000):
            try:
                sent += connection.send(frame(1, b"ok") * 100)
            except BlockingIOError:
                break
        viewer.recv(timeout=30)
    assert resident_bytes(served.server.pid) - before < 50_000_000


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:  # noqa: PTH123 - a file of the kernel
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# --- TLS ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    key, certificate = folder / "key.pem", folder / "cert.pem"
    try:
        subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("needs openssl to make a certificate")
    with Run(folder, certificate=str(certificate), key=str(key)) as run:
        assert handshaken(run, any_version()).startswith(b"HTTP/1.1 200")
        yield run
        assert run.server.restarts == 0


def any_version():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def handshaken(run, context):
    with connected(run) as plain, context.wrap_socket(plain) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\n" + HEAD + b"Connection: close\r\n\r\n")
        return received(connection)


def test_plain_text_at_a_port_of_tls_gets_nothing(secure):
    with connected(secure) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\n" + HEAD + b"\r\n")
        assert b"HTTP" not in received(connection)
    assert handshaken(secure, any_version()).startswith(b"HTTP/1.1 200")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_versions_of_tls_are_refused(secure):
    context = any_version()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        handshaken(secure, context)


def test_a_handshake_that_does_not_come_holds_no_connection(secure):
    with connected(secure) as connection:
        connection.sendall(b"\x16\x03\x01")
        received(connection)  # to its end, which comes
