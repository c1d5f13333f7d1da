"""Ray tasks, one a video, on this machine or a cluster; the results come back and are written here.

All nodes see videos, model and out folder under the same paths, and have the same scr-live.
"""

import logging
import os
import signal
import socket
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import ray

from scr_live import __version__
from scr_live.archive.engines import EngineKeeper
from scr_live.archive.judging import Facts, Job, failed, job_of, judge
from scr_live.archive.workplace import ATTEMPTS, Ended, Hearer, error_of, lost_for_good
from scr_live.errors import OptionError, ScrLiveError
from scr_live.machine import usable_cores

LOCAL: Final = "local"
"""Instead of an address: a cluster of this machine, for as long as the archive lasts."""

_ENGINES: Final = EngineKeeper()
"""Of a worker process of Ray, which does one task after another, and ends with the archive that it is of."""
_LOOK_EVERY_S: Final = 0.25
_REACHED_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class RayCluster:
    """A Workplace of tasks with so many cores each, so many at a time; 0: as many as there are cores for."""

    address: str
    threads: int
    workers: int = 0

    def __call__(self, jobs: Sequence[Job], hearer: Hearer, stop: threading.Event) -> None:
        """See Workplace. What a worker died of counts for its video; Ray itself tries nothing again."""
        with _connected(self.address, self.workers * self.threads or usable_cores()):
            _check_room(self.address, self.threads)
            task = ray.remote(num_cpus=self.threads, max_retries=0)(judged_on_ray)
            left = deque((job, 1) for job in jobs)
            waiting: dict[Any, tuple[Job, int]] = {}
            while (left or waiting) and not stop.is_set():
                while left and len(waiting) < (self.workers or len(jobs)):
                    job, attempt = left.popleft()
                    waiting[task.remote(job.as_facts(), __version__)] = job, attempt
                done, _ = ray.wait(list(waiting), num_returns=1, timeout=_LOOK_EVERY_S)
                for reference in done:
                    job, attempt = waiting.pop(reference)
                    if not _is_settled(hearer, job, attempt, reference):
                        left.appendleft((job, attempt + 1))
            for reference in waiting:
                ray.cancel(reference, force=True)


def _is_settled(hearer: Hearer, job: Job, attempt: int, reference: "ray.ObjectRef[Any]") -> bool:
    """Tell what became of a task; False: its video is to be tried again. ScrLiveError: no video's fault."""
    try:
        results = _results_of(reference)
    except ray.exceptions.RayError as error:
        cause = _cause_of(error)
        if attempt < ATTEMPTS:
            hearer.lost(job, cause)
            return False
        results = failed(lost_for_good(cause))
    hearer.ended(Ended(job, results, attempt))
    return True


def judged_on_ray(facts: Facts, version: str) -> Facts:
    """Run inside a worker of Ray: the results of a video, or the name and text of an error of ours."""
    if version != __version__:
        text = f"This node of Ray has scr-live {__version__}, and the archive was begun by {version}."
        return {"fatal": OptionError.__name__, "text": f"{text} Install the same on all nodes."}
    try:
        return judge(job_of(facts), _ENGINES)
    except ScrLiveError as error:
        return {"fatal": type(error).__name__, "text": str(error)}


def _results_of(reference: "ray.ObjectRef[Any]") -> Facts:
    """RayError: its worker is gone. ScrLiveError: no video's fault."""
    results: Facts = ray.get(reference)
    if "fatal" in results:
        raise error_of(results["fatal"], results["text"])
    return results


@contextmanager
def _connected(address: str, cores: int) -> Iterator[None]:
    """Join the cluster, or start one; leave it, and end what was started."""
    is_local = address == LOCAL
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # GPUs stay visible
    if not is_local:
        _check_reachable(address)
    extra: dict[str, Any] = {"num_cpus": cores, "include_dashboard": False} if is_local else {}
    at_sigterm = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **extra)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise _unreachable(address, error) from error
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, at_sigterm)  # Ray has taken it, and would exit at once
    try:
        yield
    finally:
        ray.shutdown()


def _check_room(address: str, threads: int) -> None:
    """Raise OptionError for tasks that no node could ever run: Ray would let them wait, and say nothing."""
    nodes = [node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]]
    most = int(max(nodes, default=0))
    if threads > most:
        advice = f"Give --threads from 1 to {most}, or add a larger node." if most else "Add a larger node."
        raise OptionError(
            f"Each video takes {_cores(threads)} of one node (--threads), and the largest node of the Ray "
            f"cluster {address} has {most}: no video would ever begin. {advice}"
        )


def _check_reachable(address: str) -> None:
    """Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if port.isdecimal():
        try:
            socket.create_connection((host, int(port)), timeout=_REACHED_S).close()
        except (OSError, OverflowError) as error:
            raise _unreachable(address, error) from error


def _unreachable(address: str, error: BaseException) -> OptionError:
    return OptionError(
        f"--ray {address} cannot be reached: {_first_line(error)}. Give the address of a cluster that runs, "
        "as `ray start` prints it, or local."
    )


def _cause_of(error: "ray.exceptions.RayError") -> str:
    """What is said of a worker that is gone; of one that raised, the error, and not Ray's account of it."""
    cause = getattr(error, "cause", None)
    if isinstance(error, ray.exceptions.RayTaskError) and isinstance(cause, BaseException):
        return f"{type(cause).__name__}: {_first_line(cause)}"
    return _first_line(error)


def _cores(count: int) -> str:
    return "1 core" if count == 1 else f"{count} cores"


def _first_line(error: BaseException) -> str:
    return (next(iter(str(error).splitlines()), "") or type(error).__name__).rstrip(".")
