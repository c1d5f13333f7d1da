"""What `scr-live export` does, once its options are read. Needs torch."""

from dataclasses import replace
from pathlib import Path
from typing import Final

import torch

from scr_live.convert.checkpoint import find_checkpoint
from scr_live.convert.config import ExportConfig
from scr_live.convert.making import Exported, Listeners, Order, make
from scr_live.convert.names import planned
from scr_live.convert.pictures import Selection, select
from scr_live.convert.staging import check_folder, publish, staged
from scr_live.convert.tools import check_tools
from scr_live.engines.opening import check_threads

DEFAULT_FOLDER: Final = Path("export")


def export(config: ExportConfig, listeners: Listeners) -> Exported:
    """Write every file asked for, compared with PyTorch; all of them or none.

    ModelError: a file differs by more than parity.TOLERANCE allows. Whatever is wrong with the options, the
    checkpoint, the folder or the pictures is raised before the work begins.
    """
    config.check()
    check_threads(config.threads)
    model = find_checkpoint(config.ckpt, size=config.size)
    has_warps = (model.card.network or {}).get("scm", True)
    if not has_warps:
        config = config.without_plugin()
    folder = config.out or DEFAULT_FOLDER / model.card.name
    names = planned(config, model.card.name)
    check_folder(folder, names)
    check_tools(config)
    verify = _selected(config.verify, "val", config.count)
    calibration = _selected(config.calibration, "train", config.count)
    if config.threads:
        torch.set_num_threads(config.threads)
    with staged(folder, names, lambda: listeners.note(f"waiting for another export into {folder}")) as stage:
        made = make(Order(config, model, verify, calibration, stage), listeners)
        listeners.publishing()
        publish(stage, folder)
    return replace(made, folder=folder)


def _selected(directory: Path | None, split: str, most: int) -> Selection | None:
    return None if directory is None else select(directory, split, most=most)
