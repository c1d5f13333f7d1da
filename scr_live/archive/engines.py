"""The engine of a worker: opened for its first video, and kept for the next while nothing fails."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Self, TypeAlias

from scr_live.app import RunConfig
from scr_live.engines import Engine
from scr_live.engines.opening import open_engine
from scr_live.shipped import Model

Opener: TypeAlias = Callable[..., Engine]
"""Takes what `open_engine` does."""

_Asked: TypeAlias = tuple[str, str, int, Model | None]

log: Final = logging.getLogger(__name__)


class EngineKeeper:
    """Lends one engine to one video after another; a context manager that closes it. For one thread."""

    def __init__(self, opener: Opener = open_engine) -> None:
        self._opener = opener
        self._asked: _Asked | None = None
        self._engine: Engine | None = None

    @contextmanager
    def lent(self, config: RunConfig, model: Model | None) -> Iterator[Engine]:
        """The engine for one video: that of the video before, if it is the same that is asked for now.

        Whatever the block raises, the engine is closed and used no more: nobody knows what state it is in, or
        whether a stage that hangs is still inside. ScrLiveError: it cannot be opened.
        """
        engine = self._opened((config.engine, config.precision, config.threads, model))
        try:
            yield engine
        except BaseException:
            self._close()
            raise

    def _opened(self, asked: _Asked) -> Engine:
        if self._engine is not None and asked == self._asked:
            return self._engine
        self._close()  # before the next is opened: there is not memory for two everywhere
        name, precision, threads, model = asked
        self._engine = self._opener(name, model, precision=precision, threads=threads).__enter__()
        self._asked = asked
        return self._engine

    def _close(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            try:
                engine.__exit__(None, None, None)
            except Exception:  # one that failed may fail in this, too; what it failed of is told already
                log.exception("the engine %s failed to close", engine.info.kind)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
