"""The options of a page in the browser, for `run`."""

import itertools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from scr_live.errors import OptionError

if TYPE_CHECKING:
    from scr_live.sinks.web.options import ServeOptions

USUAL: Final = "127.0.0.1:8080"
TOKEN: Final = "SCR_LIVE_TOKEN"  # noqa: S105 - the name of an environment variable

_PANEL = "A page in the browser"

Serve = Annotated[
    str | None,
    typer.Option(
        "--serve",
        metavar="[HOST:PORT]",
        help=f"Serve a page to watch and steer the run: at {USUAL}, for this machine alone, or at "
        f"0.0.0.0:8080 for the network. Other machines need a token: one is made and printed, or taken from "
        f"{TOKEN}.",
        rich_help_panel=_PANEL,
    ),
]
ServeTokenFile = Annotated[
    Path | None,
    typer.Option(help="Take the token from this file: 16 characters or more.", rich_help_panel=_PANEL),
]
TlsCert = Annotated[
    Path | None, typer.Option(help="Serve it by TLS: the certificate (PEM).", rich_help_panel=_PANEL)
]
TlsKey = Annotated[Path | None, typer.Option(help="The key of --tls-cert (PEM).", rich_help_panel=_PANEL)]


def with_address(args: Sequence[str]) -> list[str]:
    """Return the arguments with the usual address behind a `--serve` that has none."""
    whole = []
    for arg, after in itertools.zip_longest(args, args[1:], fillvalue="-"):
        whole.append(arg)
        if arg == "--serve" and after.startswith("-"):
            whole.append(USUAL)
    return whole


def served(
    address: str | None, token_file: Path | None, certificate: Path | None, key: Path | None
) -> "ServeOptions | None":
    """Return what is to be served where; None: nothing. OptionError: it cannot be meant."""
    from scr_live.sinks.web.options import serve_options  # noqa: PLC0415 - keeps --help quick

    if address is not None:
        token = os.environ.get(TOKEN, "")
        return serve_options(address, token=token, token_file=token_file, certificate=certificate, key=key)
    asked = {"--serve-token-file": token_file, "--tls-cert": certificate, "--tls-key": key}
    for option, value in asked.items():
        if value is not None:
            raise OptionError(f"{option} is about a page, and none is served. Ask for it with --serve.")
    return None
