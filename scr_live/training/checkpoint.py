"""The resumable state of a training run, loaded without running pickled code."""

import contextlib
import pickle
from pathlib import Path
from typing import Final

import torch

from scr_live.errors import ModelError, ModelNotFoundError, OutputUnwritableError

LAST: Final = "last.pt"
PREVIOUS: Final = "last.previous.pt"
DAMAGED: Final = "last.damaged.pt"

_WAY_OUT: Final = "Start a new run with another --out; --set init=FILE lets it begin with best.safetensors."


def save_state(path: Path, state: dict[str, object], *, previous: Path | None = None) -> None:
    """Everything a resumed run needs, whole or not at all: on an error an older state is left as it was.

    previous: where the state saved before is kept.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        torch.save(state, partial)
        if previous is not None and path.exists():
            path.replace(previous)
        partial.replace(path)
    except (OSError, RuntimeError) as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        # Torch's own writer raises RuntimeError where the system says why it cannot write.
        reason = error.strerror if isinstance(error, OSError) else f"the disk may be full ({error})"
        raise OutputUnwritableError(f"Cannot write the training state {path}: {reason}.") from error


def load_latest(folder: Path) -> tuple[Path, dict[str, object]]:
    """The newest state of a run that can be read, and where it lay.

    A damaged newest one is put aside, so that saving does not let it take the place of the good one.
    """
    last, previous = folder / LAST, folder / PREVIOUS
    try:
        return last, load_state(last)
    except ModelError:
        if not previous.is_file():
            raise
    state = load_state(previous)
    with contextlib.suppress(FileNotFoundError):
        last.replace(folder / DAMAGED)
    return previous, state


def load_state(path: Path) -> dict[str, object]:
    """The state of `save_state`; tensors and plain values only, no code is run."""
    try:
        state: object = torch.load(path, weights_only=True, map_location="cpu")
    except FileNotFoundError as error:
        raise ModelNotFoundError(
            f"Nothing to resume: {path} does not exist. Start without --resume."
        ) from error
    except pickle.UnpicklingError as error:  # torch's own text proposes to run the file's code after all
        raise ModelError(
            f"{path} is no training state: it is damaged, or holds code instead of tensors and plain values. "
            f"Nothing of it was run. {_WAY_OUT}"
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, LookupError) as error:
        raise ModelError(
            f"{path} is damaged and cannot be resumed ({str(error) or 'it is cut off'}). {_WAY_OUT}"
        ) from error
    if not isinstance(state, dict):
        raise ModelError(f"{path} is no training state but a {type(state).__name__}. {_WAY_OUT}")
    return state
