"""Where a page may be served, to whom, and what is refused before anything is opened."""

import socket
import subprocess
import sys

import pytest

from scr_live.cli.serving import served, with_address
from scr_live.errors import OptionError
from scr_live.sinks.web.options import (
    ServeOptions,
    listen,
    parse_address,
    serve_options,
    url_of,
    with_token,
)

TOKEN = "correct-horse-battery"


def options(address="127.0.0.1:0", **others):
    given = {"token": "", "token_file": None, "certificate": None, "key": None, **others}
    return serve_options(address, **given)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("", ("127.0.0.1", 8080)),
        ("0.0.0.0", ("0.0.0.0", 8080)),
        ("9000", ("127.0.0.1", 9000)),
        (":9000", ("127.0.0.1", 9000)),
        ("scope.local:81", ("scope.local", 81)),
        ("[::1]:81", ("::1", 81)),
        ("::1", ("::1", 8080)),
    ],
)
def test_addresses_as_people_write_them(text, address):
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["127.0.0.1:http", "127.0.0.1:70000", "127.0.0.1:-1", "127.0.0.1:8²"])
def test_a_port_that_is_none_is_refused(text):
    with pytest.raises(OptionError, match="HOST:PORT"):
        parse_address(text)


@pytest.mark.parametrize(
    ("args", "whole"),
    [
        (["--serve"], ["--serve", "127.0.0.1:8080"]),
        (["--serve", "--no-display"], ["--serve", "127.0.0.1:8080", "--no-display"]),
        (["--serve", ":81", "--faint"], ["--serve", ":81", "--faint"]),
        (["--serve=:81"], ["--serve=:81"]),
        ([], []),
    ],
)
def test_serve_needs_no_address(args, whole):
    assert with_address(args) == whole


def test_only_other_hosts_than_loopback_need_a_token_and_get_one():
    with listen(options()) as listener:
        assert with_token(options(), listener) == ("", False)
        assert with_token(options(token=TOKEN), listener) == (TOKEN, False)
    everywhere = options("0.0.0.0:0")
    with listen(everywhere) as listener:
        token, was_made = with_token(everywhere, listener)
        assert was_made
        assert len(token) >= 32
        assert token != with_token(everywhere, listener)[0]
        assert token in url_of(everywhere, listener, token)
        assert "0.0.0.0" not in url_of(everywhere, listener, token)


def test_a_token_comes_from_a_file_before_the_environment(tmp_path, monkeypatch):
    (tmp_path / "token").write_text(f"{TOKEN}\n", encoding="utf-8")
    monkeypatch.setenv("SCR_LIVE_TOKEN", "another-of-sixteen")
    assert served("", None, None, None).token == "another-of-sixteen"
    assert served("", tmp_path / "token", None, None).token == TOKEN


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"token": "fifteen-letters"}, "at least 16 characters"),
        ({"token": "sixteen letters and spaces"}, "no spaces"),
        ({"token": "sixteen-lettérs-and"}, "no spaces"),
        ({"certificate": "cert.pem"}, "belong together"),
        ({"certificate": "cert.pem", "key": "key.pem"}, "there is no file"),
        ({"token_file": "nothing"}, "cannot be read"),
        ({"token_file": "empty"}, "is empty"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(wrong, words, tmp_path):
    (tmp_path / "empty").touch()
    paths = {name: tmp_path / value for name, value in wrong.items() if name != "token"}
    with pytest.raises(OptionError, match=words):
        options(**{**wrong, **paths})


def test_a_token_is_not_shown_by_accident():
    assert TOKEN not in repr(ServeOptions(token=TOKEN))


def test_options_of_a_page_that_is_not_served_are_refused(tmp_path):
    with pytest.raises(OptionError, match="--serve-token-file is about a page"):
        served(None, tmp_path, None, None)
    assert served(None, None, None, None) is None


def test_a_port_in_use_is_said_at_the_start():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            OptionError, match=rf"cannot listen on 127\.0\.0\.1:{port}.*--serve 127\.0\.0\.1:"
        ):
            listen(options(f"127.0.0.1:{port}"))
    with pytest.raises(OptionError, match=r"cannot listen on 192\.0\.2\.1"):
        listen(options("192.0.2.1:0"))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    try:
        subprocess.run(
            [*command, "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
            check=True,
            capture_output=True,
        )
    except FileNotFoundError:
        pytest.skip("needs openssl to make a certificate")
    return folder / "cert.pem", folder / "key.pem"


def test_a_certificate_is_tried_before_anything_is_opened(certificate):
    cert, key = certificate
    assert options(certificate=cert, key=key).is_secure
    with pytest.raises(OptionError, match="do not go together"):
        options(certificate=cert, key=cert)


def test_no_start_of_the_command_line_loads_what_only_tls_needs():
    code = "import sys, scr_live.app.config, scr_live.cli.run; print('ssl' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
