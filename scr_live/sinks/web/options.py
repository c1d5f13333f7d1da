"""Where the page is served, and to whom: read from the command line, refused before anything is opened."""

import ipaddress
import secrets
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from scr_live.errors import OptionError

DEFAULT: Final = "127.0.0.1:8080"
SHORTEST_TOKEN: Final = 16
_WAITING: Final = 128  # connections that nobody has accepted yet


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """Loopback needs no token; any other address gets one if none is given."""

    host: str = "127.0.0.1"
    port: int = 8080
    token: str = field(default="", repr=False)
    certificate: Path | None = None
    key: Path | None = None

    @property
    def is_secure(self) -> bool:
        """Whether it is served by TLS."""
        return self.certificate is not None


def parse_address(text: str) -> tuple[str, int]:
    """Read HOST, HOST:PORT, :PORT, PORT or [IPv6]:PORT. OptionError: it is none of these."""
    host, port = text.strip(), ""
    if host.isdigit():
        host, port = "", host
    elif host.startswith("["):
        host, _, rest = host[1:].partition("]")
        port = rest.removeprefix(":")
    elif host.count(":") == 1:
        host, _, port = host.partition(":")
    default_host, _, default_port = DEFAULT.partition(":")
    port = port or default_port
    if not (port.isascii() and port.isdigit() and int(port) <= 65535):  # noqa: PLR2004 - ports have 16 bits
        raise OptionError(
            f"--serve takes HOST:PORT with a port up to 65535, such as {DEFAULT}; found {text!r}."
        )
    return host or default_host, int(port)


def serve_options(
    address: str, *, token: str, token_file: Path | None, certificate: Path | None, key: Path | None
) -> ServeOptions:
    """Put the options of the command together. OptionError: they cannot be meant."""
    host, port = parse_address(address)
    if token_file is not None:
        token = _read_token(token_file)
    if token and len(token) < SHORTEST_TOKEN:
        raise OptionError(
            f"The token of --serve needs at least {SHORTEST_TOKEN} characters, so that nobody guesses it; "
            f"found {len(token)}. Leave it out to have one made."
        )
    if token and not (token.isascii() and token.isprintable() and " " not in token):
        raise OptionError("The token of --serve may hold letters, digits and signs, and no spaces.")
    if (certificate is None) != (key is None):
        raise OptionError("--tls-cert and --tls-key belong together: give both, or neither.")
    if certificate is not None and key is not None:
        _check_certificate(certificate, key)
    return ServeOptions(host, port, token, certificate, key)


def with_token(options: ServeOptions, listener: socket.socket) -> tuple[str, bool]:
    """Return the token that is asked for, empty for none, and whether it was made here."""
    if options.token or ipaddress.ip_address(_address_of(listener)).is_loopback:
        return options.token, False
    return secrets.token_urlsafe(32), True


def listen(options: ServeOptions) -> socket.socket:
    """Bind the address, so that a port in use is known before the run starts. OptionError: it cannot be."""
    where = f"{options.host}:{options.port}"
    try:
        found = socket.getaddrinfo(
            options.host, options.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, _, _, _, address = found[0]
        both = family == socket.AF_INET6 and options.host == "::" and socket.has_dualstack_ipv6()
        listener = socket.create_server(address[:2], family=family, backlog=_WAITING, dualstack_ipv6=both)
    except OSError as error:
        raise OptionError(
            f"--serve cannot listen on {where}: {error.strerror or error}. Choose another port, such as "
            f"--serve {options.host}:{min(options.port + 1, 65535)}, or an address of this machine."
        ) from error
    return listener


def url_of(options: ServeOptions, listener: socket.socket, token: str) -> str:
    """Return what to type into a browser; where it listens on all addresses, the one towards the network."""
    host, port = options.host, listener.getsockname()[1]
    if ipaddress.ip_address(_address_of(listener)).is_unspecified:
        host = _own_address()
    if ":" in host:
        host = f"[{host}]"
    scheme = "https" if options.is_secure else "http"
    return f"{scheme}://{host}:{port}/" + (f"?token={token}" if token else "")


def _address_of(listener: socket.socket) -> str:
    return str(listener.getsockname()[0]).partition("%")[0]


def _own_address() -> str:
    """Where others find this machine, by its routes; no packet is sent."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
    except OSError:  # there is no network
        return socket.gethostname()


def _read_token(path: Path) -> str:
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) else "it is no text"
        raise OptionError(f"--serve-token-file {path} cannot be read: {cause}.") from error
    if not token:
        raise OptionError(f"--serve-token-file {path} is empty. Write a token into it, or leave it out.")
    return token


def _check_certificate(certificate: Path, key: Path) -> None:
    for option, path in (("--tls-cert", certificate), ("--tls-key", key)):
        if not path.is_file():
            raise OptionError(f"{option}: there is no file {path}.")
    import ssl  # noqa: PLC0415 - not at every start

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=_no_password)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise OptionError(
            f"--tls-cert {certificate} and --tls-key {key} do not go together, or are no PEM files without a "
            f"password: {getattr(error, 'reason', None) or error}."
        ) from error


def _no_password() -> str:
    raise ValueError("the key has a password")
