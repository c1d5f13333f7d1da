"""The page of a run, if one is asked for: its address is taken before anything else is opened."""

import secrets
from collections.abc import Callable
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from scr_live.app.config import RunConfig
from scr_live.controls import Controls
from scr_live.errors import OptionError
from scr_live.events import Journal
from scr_live.sinks.web.options import listen, url_of, with_token

if TYPE_CHECKING:
    from scr_live.app.outputs import Recordings
    from scr_live.pipeline.live import NamedSink
    from scr_live.pipeline.stats import Progress
    from scr_live.sinks.web.server import WebServer
    from scr_live.sinks.web.told import About

WEB: Final = "web"

_NEEDED = ("fastapi", "uvicorn", "websockets", "prometheus_client")


class Serving:
    """A context manager around a whole run, its account included: viewers hear of the end."""

    def __init__(
        self, config: RunConfig, journal: Journal, tell: Callable[[str], None] | None = None
    ) -> None:
        self._config = config
        self._journal = journal
        self._tell = tell
        self._stack = ExitStack()
        self._server: WebServer | None = None
        self.notes: tuple[str, ...] = ()
        """Where the page is, and what to mind."""

    def __enter__(self) -> Self:
        """Take the address. OptionError: it cannot be had, or an extra is missing."""
        options = self._config.serve
        if options is None:
            return self
        missing = [name for name in _NEEDED if find_spec(name) is None]
        if missing:
            raise OptionError(
                f"--serve needs the extra `web` ({', '.join(missing)} missing): pip install 'scr-live[web]'."
            )
        self._listener = self._stack.enter_context(listen(options))
        self._token, was_made = with_token(options, self._listener)
        address = url_of(options, self._listener, self._token if was_made else "")
        self.notes = (f"The page of this run: {address}",)
        if self._token and not options.is_secure:
            self.notes += (
                "Without TLS everybody on the way can read token and pictures: use --tls-cert and --tls-key.",
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def begin(self, about: "About", controls: Controls, recordings: "Recordings") -> "list[NamedSink]":
        """Start the server, and return the sink that shows the pictures."""
        options = self._config.serve
        if options is None:
            return []
        from scr_live.margins.pictures import Deidentifier  # noqa: PLC0415 - imports cv2
        from scr_live.overlays import ScoreLabel  # noqa: PLC0415 - imports cv2
        from scr_live.pipeline.live import NamedSink  # noqa: PLC0415 - imports cv2
        from scr_live.sinks.web.server import WebServer  # noqa: PLC0415 - imports cv2
        from scr_live.sinks.web.steering import Steering  # noqa: PLC0415 - beside the others

        facts = {
            "host": options.host,
            "port": self._listener.getsockname()[1],
            "token": self._token,
            "secret": secrets.token_hex(),
            "certificate": str(options.certificate or ""),
            "key": str(options.key or ""),
        }
        self._server = WebServer(
            self._listener,
            facts,
            about,
            Steering(controls, self._journal, recordings.switch, recordings.fixed_because),
            journal=self._journal,
            margins=None if self._config.keep_margins else Deidentifier(ScoreLabel().plates),
            snapshot_dir=Path.cwd(),
            tell=self._tell,
        )
        for event in self._journal.events:
            self._server.heard(event)
        self._journal.listen(self._server.heard)
        self._stack.enter_context(self._server)
        return [NamedSink(WEB, self._server)]

    def hearing(self, progress: "Callable[[Progress], None] | None") -> "Callable[[Progress], None] | None":
        """Return what hears of the progress: the server, too."""
        server = self._server
        if server is None or progress is None:
            return progress if server is None else server.progress

        def both(now: "Progress") -> None:
            progress(now)
            server.progress(now)

        return both
