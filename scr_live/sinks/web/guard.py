"""What stands before every request: who may ask, from where, how much; and what every answer says."""

import ipaddress
import json
import socket
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scr_live.sinks.web.tokens import Guesses, Tokens

MOST_BODY: Final = 4096
MOST_HEAD: Final = 16_384
OPEN_PATHS: Final = ("/healthz", "/readyz")
"""For whoever watches the machine: they say nothing of the video."""
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self' blob:; style-src 'self'; "
    "script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
_DIGITS: Final = 15  # of a length
_WHERE_FROM = "Open the address that scr-live printed when it started; it ends with ?token=..."


class RefusedError(Exception):
    """An answer instead of the one that was asked for."""

    def __init__(self, status: int, text: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(text)
        self.status, self.text, self.headers = status, text, headers or {}


class Guard:
    """An ASGI application around another one."""

    def __init__(  # noqa: PLR0913 - whatever an answer depends on
        self, app: ASGIApp, *, host: str, port: int, token: str, secret: str, is_secure: bool
    ) -> None:
        self._app = app
        own = socket.gethostname().lower()
        self._names = {"localhost", host.lower()}
        if not _is_local(host):
            self._names |= {own, f"{own.partition('.')[0]}.local"}
        self._is_local = _is_local(host)
        self._tokens = Tokens(token, secret)
        self._guesses = Guesses()
        self._is_secure = is_secure
        self._cookie = f"scr_live_{port}"  # browsers do not keep the cookies of two ports apart

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request pass, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            _check_size(scope)
            self._check_host(headers)
            self._check_origin(scope, headers)
            entry = self._admit(scope, headers)
            body = _Body(receive, headers)
        except RefusedError as refusal:
            await _refuse(refusal, scope, receive, _with_headers(send))
            return
        if entry is not None:
            await entry(scope, receive, _with_headers(send))
            return
        await self._app(scope, body if scope["type"] == "http" else receive, _with_headers(send))

    def _check_host(self, headers: Headers) -> None:
        """A name that somebody made point here (DNS rebinding) is none of ours; addresses cannot be made."""
        sent = headers.getlist("host")
        name = _host_of(sent[0]) if len(sent) == 1 else None
        if name is None:
            raise RefusedError(400, "The request needs one Host header.")
        if name in self._names or _is_fitting_address(name, local_only=self._is_local):
            return
        raise RefusedError(421, "This server does not go by that name. Use its address.")

    def _check_origin(self, scope: Scope, headers: Headers) -> None:
        """A page of somebody else's must neither read nor change anything."""
        scheme = "https" if self._is_secure else "http"
        origin = headers.get("origin")
        if origin is not None and origin.lower() != f"{scheme}://{headers['host'].lower()}":
            raise RefusedError(403, "Requests from pages of other servers are not answered.")
        from_elsewhere = headers.get("sec-fetch-site") in ("cross-site", "same-site")
        is_visit = headers.get("sec-fetch-mode") == "navigate" and scope.get("method") == "GET"
        if from_elsewhere and not (is_visit and scope["path"] == "/"):
            raise RefusedError(403, "Requests from pages of other servers are not answered.")

    def _admit(self, scope: Scope, headers: Headers) -> Response | None:
        """Look for the token. An answer: the browser gets its cookie for it, and asks again."""
        if not self._tokens.are_needed or scope["path"] in OPEN_PATHS:
            return None
        if self._tokens.is_cookie(_cookie_in(headers, self._cookie)):
            return self._enter(scope) if _token_in_query(scope) is not None else None
        in_query = _token_in_query(scope)
        in_head = headers.get("authorization", "")
        kind, _, bearer = in_head.partition(" ")
        sent = bearer.strip() if kind.lower() == "bearer" else in_query
        if sent is None:
            raise RefusedError(401, f"A token is needed. {_WHERE_FROM}", {"WWW-Authenticate": "Bearer"})
        address = str((scope.get("client") or ("", 0))[0])
        wait_s = self._guesses.wait_s(address)
        if wait_s:
            raise RefusedError(429, f"Too many wrong tokens: wait {wait_s} s.", {"Retry-After": str(wait_s)})
        if not self._tokens.is_token(sent):
            self._guesses.note(address)
            raise RefusedError(401, f"That token is wrong. {_WHERE_FROM}", {"WWW-Authenticate": "Bearer"})
        return None if in_query is None or kind.lower() == "bearer" else self._enter(scope)

    def _enter(self, scope: Scope) -> Response:
        """Send the browser to the page without the token in its address, with a cookie instead."""
        answer = RedirectResponse(scope["path"], status_code=303)
        answer.set_cookie(
            self._cookie, self._tokens.cookie, httponly=True, samesite="strict", secure=self._is_secure
        )
        return answer


class _Body:
    """Hands on what comes as long as it is little."""

    def __init__(self, receive: Receive, headers: Headers) -> None:
        self._receive = receive
        self._taken = 0
        length = headers.get("content-length", "0")
        if "content-length" in headers and "transfer-encoding" in headers:
            raise RefusedError(400, "A request has a length or comes in chunks, and not both.")
        is_number = length.isascii() and length.isdigit() and len(length) <= _DIGITS
        if not is_number or int(length) > MOST_BODY:
            raise RefusedError(413, f"A request may bring {MOST_BODY} bytes at most.")

    async def __call__(self) -> Message:
        message = await self._receive()
        self._taken += len(message.get("body", b""))
        if self._taken > MOST_BODY:
            return {"type": "http.disconnect"}
        return message


def _check_size(scope: Scope) -> None:
    """What comes in one piece is parsed whatever its size."""
    lines = sum(len(name) + len(value) + len(": \r\n") for name, value in scope["headers"])
    if lines + len(scope.get("raw_path") or b"") + len(scope["query_string"]) > MOST_HEAD:
        raise RefusedError(431, f"The head of a request may have {MOST_HEAD} bytes at most.")


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            headers = MutableHeaders(raw=list(message.get("headers", [])))
            for name, value in HEADERS.items():
                headers[name] = value
            message = {**message, "headers": headers.raw}
        await send(message)

    return sending


async def _refuse(refusal: RefusedError, scope: Scope, receive: Receive, send: Send) -> None:
    headers = {**refusal.headers, "Connection": "close"}
    answer: Response = PlainTextResponse(f"{refusal.text}\n", refusal.status, headers)
    if scope["path"].startswith("/api/"):
        answer = Response(
            json.dumps({"detail": refusal.text}), refusal.status, headers, media_type="application/json"
        )
    if scope["type"] == "http":
        await answer(scope, receive, send)
    elif "websocket.http.response" in scope.get("extensions", {}):
        await receive()
        await answer(scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": 1008})


def _host_of(sent: str) -> str | None:
    """The name or address in a Host header; None: it is malformed."""
    try:
        parts = urlsplit(f"//{sent}")
        _ = parts.port
    except ValueError:
        return None
    is_plain = parts.netloc == sent and "@" not in sent and not any(sign in sent for sign in "/?#\\ ")
    return parts.hostname.lower().rstrip(".") if is_plain and parts.hostname else None


def _is_local(host: str) -> bool:
    return host.lower() == "localhost" or _is_fitting_address(host, local_only=True)


def _is_fitting_address(name: str, *, local_only: bool) -> bool:
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or not local_only


def _cookie_in(headers: Headers, name: str) -> str:
    """Return what our cookie says, if there is one among those of others."""
    for pair in _pairs(headers.getlist("cookie")):
        sent, _, value = pair.partition("=")
        if sent.strip() == name:
            return value.strip()
    return ""


def _pairs(cookies: Iterable[str]) -> Iterable[str]:
    return (pair for cookie in cookies for pair in cookie.split(";"))


def _token_in_query(scope: Scope) -> str | None:
    """Return what stands behind ?token= of the page: nowhere else does it belong into an address."""
    if scope["type"] != "http" or scope["path"] != "/" or scope["method"] != "GET":
        return None
    query: Any = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    found = query.get("token")
    return found[0] if found else None
