"""Where a network is trained: on which device, by how many processes, as torchrun starts them."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from scr_live.errors import EngineUnavailableError, OptionError, ScrLiveError

TIMEOUT_S: Final = 1800.0
"""How long a process waits for the others; the first one validates alone in the meantime."""


@dataclass(frozen=True, slots=True)
class World:
    """This process among those that train together; alone by default."""

    rank: int = 0
    size: int = 1
    timeout_s: float = TIMEOUT_S

    @property
    def is_first(self) -> bool:
        """Whether this one validates, writes and reports, while the others wait."""
        return self.rank == 0

    def share(self, network: nn.Module, device: torch.device) -> nn.Module:
        """The network with gradients averaged over all processes.

        With equal shares of a batch they are those of one process with the whole batch, up to BatchNorm:
        its statistics are those of the whole batch on GPUs, and of each process's share on CPUs, for which
        torch has no synchronised one.
        """
        if self.size == 1:
            return network
        if device.type == "cuda":
            network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
            return DistributedDataParallel(network, device_ids=[device.index])
        return DistributedDataParallel(network)

    def total(self, values: Sequence[float]) -> list[float]:
        """The sums over all processes, the same in each. Waits for all."""
        if self.size == 1:
            return list(values)
        numbers = torch.tensor(values, dtype=torch.float64)
        distributed.all_reduce(numbers)
        return [float(number) for number in numbers]

    def any(self, wish: bool) -> bool:  # noqa: FBT001 - one plain argument
        """Whether any process wishes it: the same answer in each. Waits for all."""
        return self.total([float(wish)])[0] > 0

    def wait(self) -> None:
        """Until all processes are here."""
        self.total([0.0])

    def explain(self, error: RuntimeError) -> ScrLiveError | None:
        """What the user should read if `error` tells that another process failed or is stuck."""
        text = str(error)
        if self.size == 1 or not any(word in text for word in _LOST):
            return None
        return ScrLiveError(
            f"Process {self.rank} of {self.size} lost the others: one of them failed, its own message says "
            f"why, or did not answer within {self.timeout_s:g} s. The state saved last is kept. "
            f"({_first_sentence(text)})"
        )


def choose_device(name: str) -> torch.device:
    """auto, cpu, cuda or cuda:N. OptionError: none of these. EngineUnavailableError: it is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, colon, number = name.partition(":")
    if kind not in ("cpu", "cuda") or (colon and not (kind == "cuda" and number.isdecimal())):
        raise OptionError(f"--device must be auto, cpu, cuda or cuda:N; found {name!r}.")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise EngineUnavailableError(
            f"--device {name} is not there: torch {torch.__version__} sees {torch.cuda.device_count()} GPUs. "
            "Take --device auto or cpu, or install a torch that is built for your GPU."
        )
    return torch.device(name)


def world_size() -> int:
    """How many processes torchrun announces in the environment; 1 without it."""
    return _number("WORLD_SIZE", 1)


@contextmanager
def join_world(device: torch.device, *, timeout_s: float = TIMEOUT_S) -> Iterator[tuple[World, torch.device]]:
    """Join the processes that torchrun announces in the environment; without it this one is alone.

    Gives this process's place and its device: of several GPUs each takes its own.
    """
    size = world_size()
    if size == 1:
        yield World(), device
        return
    rank, local = _number("RANK", 0), _number("LOCAL_RANK", 0)
    if device.type == "cuda":
        device = _own_gpu(local)
    try:
        distributed.init_process_group(
            "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo",
            rank=rank,
            world_size=size,
            timeout=timedelta(seconds=timeout_s),
        )
    except (RuntimeError, ValueError) as error:
        raise ScrLiveError(
            f"Process {rank} of {size} did not reach the others within {timeout_s:g} s. Start them by "
            f"`torchrun --nproc-per-node N`, on several machines with one `--rdzv-endpoint`. ({error})"
        ) from error
    try:
        yield World(rank, size, timeout_s), device
    finally:
        distributed.destroy_process_group()


_LOST: Final = ("gloo", "Gloo", "NCCL", "Connection closed", "Connection reset", "Timed out", "timed out")
"""Words of torch's errors when another process is gone; they have no class of their own."""


def _first_sentence(text: str) -> str:
    """Of gloo's message, without the place in its source."""
    return re.sub(r"^\[\S+:\d+\] *", "", text.splitlines()[0]).split(". ")[0]


def _number(name: str, default: int) -> int:
    text = os.environ.get(name, str(default))
    if not text.isdecimal():
        raise OptionError(
            f"The environment says {name}={text!r}; expected a whole number, as torchrun sets it."
        )
    return int(text)


def _own_gpu(local_rank: int) -> torch.device:
    count = torch.cuda.device_count()
    if local_rank >= count:
        raise EngineUnavailableError(
            f"torchrun started more processes than this machine has GPUs, {count}. "
            f"Start {count} with `--nproc-per-node {count}`, or train on the CPU with --device cpu."
        )
    torch.cuda.set_device(local_rank)
    return torch.device("cuda", local_rank)
