"""Where the videos of an archive are worked on: what a pool of processes and a Ray cluster have in common."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from scr_live import errors
from scr_live.archive.judging import Facts, Job
from scr_live.errors import ScrLiveError

ATTEMPTS: Final = 2
"""A video whose worker crashes or is killed is tried so often; its own faults are no reason to try again."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A video is done, or has failed."""

    job: Job
    results: Facts
    attempts: int


class Hearer(Protocol):
    """Who starts the work, told of it in the thread that has asked for it."""

    def moved(self, job: Job, frames: int, expected: int | None) -> None:
        """So many frames of a video are done; from the beginning again if it is tried again."""
        ...

    def lost(self, job: Job, cause: str) -> None:
        """The worker of a video has gone, and it will be tried again."""
        ...

    def ended(self, ended: Ended) -> None:
        """Keep the results."""
        ...


class Workplace(Protocol):
    """Does all the jobs, in any order, unless `stop` is set: then it breaks off what is not done, soon.

    Raises a ScrLiveError that no video is to blame for, and whatever its hearer raises.
    """

    def __call__(self, jobs: Sequence[Job], hearer: Hearer, stop: threading.Event) -> None:
        """Do them."""
        ...


def lost_for_good(cause: str) -> str:
    """What is said of a video whose workers were lost each time."""
    hint = "Perhaps this video brings it down, or memory is short."
    return f"Its worker was lost {ATTEMPTS} times: {cause}. {hint}"


def error_of(name: str, text: str) -> ScrLiveError:
    """An error of ours that was raised in another process."""
    kind = getattr(errors, name, ScrLiveError)
    return kind(text) if issubclass(kind, ScrLiveError) else ScrLiveError(text)
