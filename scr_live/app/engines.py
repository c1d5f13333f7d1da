"""The engine of a run, and those below it."""

from collections.abc import Callable
from functools import partial

from scr_live.app.config import RunConfig
from scr_live.engines import Engine
from scr_live.engines.isolated import OPENING_TIMEOUT_S, STEP_TIMEOUT_S, open_isolated
from scr_live.engines.ladder import EngineLadder, Rung, rungs_from
from scr_live.engines.leash import Leash
from scr_live.engines.opening import open_engine
from scr_live.events import Journal
from scr_live.shipped import Model


def open_engines(
    config: RunConfig,
    model: Model | None,
    *,
    is_live: bool,
    journal: Journal,
    tell: Callable[[str], None] | None = None,
) -> tuple[Engine, EngineLadder]:
    """Open the engine, and know which is next when it fails: what a live run falls back on.

    Live, the engine runs in a process of its own, so that nothing it does can hold up the video.
    """
    isolated = is_live if config.isolate is None else config.isolate

    def open_rung(rung: Rung, *, leash: Leash, timeout_s: float = OPENING_TIMEOUT_S) -> Engine:
        opener: Callable[..., Engine] = open_engine
        if isolated:
            opener = partial(
                open_isolated,
                opening_timeout_s=timeout_s,
                answer_timeout_s=config.ai_timeout_s,
                leash=leash,
            )
        return opener(
            rung.engine,
            model,
            precision=rung.precision,
            threads=config.threads,
            progress=tell,
            reason=rung.reason,
        )

    # Nothing is lost yet, and the libraries may come from a slow disk. A signal interrupts the wait.
    first = Rung(config.engine, config.precision)
    engine = open_rung(first, leash=Leash(), timeout_s=STEP_TIMEOUT_S)
    rungs = rungs_from(engine.info, precision=config.precision)
    return engine, EngineLadder(open_rung, engine.info, rungs=rungs, journal=journal)
