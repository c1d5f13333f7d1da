"""The resumable state of a training run, loaded without running pickled code."""

from pathlib import Path

import torch

from scr_live.errors import ModelError, ModelNotFoundError


def save_state(path: Path, state: dict[str, object]) -> None:
    """Everything a resumed run needs, whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    torch.save(state, partial)
    partial.replace(path)


def load_state(path: Path) -> dict[str, object]:
    """The state of `save_state`; tensors and plain values only, no code is run."""
    try:
        state: dict[str, object] = torch.load(path, weights_only=True, map_location="cpu")
    except FileNotFoundError as error:
        raise ModelNotFoundError(
            f"Nothing to resume: {path} does not exist. Start without --resume."
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError) as error:
        raise ModelError(
            f"{path} is damaged and cannot be resumed: {error}. Start again without --resume."
        ) from error
    return state
