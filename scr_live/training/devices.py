"""Which device trains, by the name that a user gives it."""

from typing import Final

import torch

from scr_live.errors import EngineUnavailableError, OptionError
from scr_live.machine import usable_cores

_MOST_WORKERS: Final = 8
_MOST_PER_CORE: Final = 4


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
