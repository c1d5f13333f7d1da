"""Batches prepared ahead, by as many other processes as the machine bears, and brought to the device."""

import signal
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import cv2
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from scr_live.errors import OptionError, ScrLiveError
from scr_live.machine import usable_cores
from scr_live.training.batches import Batches

Batch = tuple[Tensor, Tensor]

_MOST_WORKERS: Final = 8
_MOST_PER_CORE: Final = 4


def workers_for(device: torch.device) -> int:
    """Processes that prepare pictures where nobody says how many: none on a CPU, whose cores are busy."""
    return min(_MOST_WORKERS, max(1, usable_cores() - 1)) if device.type == "cuda" else 0


def check_load(*, threads: int, workers: int) -> None:
    """Raise OptionError for so many threads or processes that the machine would come to a standstill."""
    most = _MOST_PER_CORE * usable_cores()
    for option, count in (("--threads", threads), ("--workers", workers)):
        if not 0 <= count <= most:
            raise OptionError(
                f"{option} must be from 0 to {most}, {_MOST_PER_CORE} for each core of this machine; found "
                f"{count}."
            )


def load_batches(
    batches: Batches, *, first: int, end: int, workers: int, device: torch.device
) -> Iterator[Batch]:
    """The batches of the steps from `first` to before `end`: the same ones for any number of workers.

    ScrLiveError: what a worker met, or that one was killed.
    """
    on_gpu = device.type == "cuda"
    loader: DataLoader[Any] = DataLoader(
        _Steps(batches),
        batch_size=None,
        sampler=range(first, end),
        num_workers=workers,
        pin_memory=on_gpu,
        worker_init_fn=_settle_worker if workers else None,
        # Forked workers share the pictures in memory; started afresh each would get a copy of them all.
        multiprocessing_context="fork" if workers and sys.platform == "linux" else None,
    )
    for drawn in _started(loader):
        if isinstance(drawn, _Failure):
            raise drawn.error
        images, masks = drawn
        yield (
            images.to(device, non_blocking=on_gpu, memory_format=torch.channels_last),
            masks.to(device, non_blocking=on_gpu),
        )


def explain_worker(error: RuntimeError) -> ScrLiveError | None:
    """What the user should read if `error`, raised anywhere in the main thread, tells of a dead worker."""
    if "DataLoader worker" not in str(error):
        return None
    return ScrLiveError(
        "A process that prepares pictures ended unexpectedly, most often because memory ran out: "
        f"{str(error).splitlines()[0]} Resume with fewer `workers`."
    )


@dataclass(frozen=True, slots=True)
class _Failure:
    """An error on its way out of a worker: raised there, it would come back wrapped in a traceback."""

    error: Exception


class _Steps(Dataset[Any]):
    """Batches by step, as a DataLoader asks for them."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    def __getitem__(self, step: int) -> Batch | _Failure:
        try:
            return self._batches.draw(step)
        except ScrLiveError as error:
            return _Failure(error)


def _started(loader: DataLoader[Any]) -> Iterator[Any]:
    """Start the workers. Python warns of forks beside threads, whose locks a child could wait for in vain.

    These children use none of them: torch and OpenCV are told to use no threads there.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
        return iter(loader)


def _settle_worker(_number: int) -> None:
    cv2.setNumThreads(0)  # as many processes as cores, not threads times processes
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the main process decides
