"""One of the processes of test_distributed.py, started as by torchrun: `distributed_process.py FOLDER`.

Three runs one after another: a whole one, one that only the second process wants to stop, and one in which
the second process fails.
"""

import json
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn
from training_fakes import RECIPE, SAMPLES, never, quiet

from scr_live.errors import DataError, ScrLiveError
from scr_live.training.distributed import join_world
from scr_live.training.events import StepDone
from scr_live.training.loop import Trainer

CPU = torch.device("cpu")
SHARED = replace(RECIPE, batch=4, sizes=(64,), steps=3, validate_every=2, rate=1e-3, encoder_rate=1e-3)


def frozen(world, recipe=SHARED):
    """Each process normalises by its own share of a batch: equal is what is left without that."""
    one = Trainer(recipe, SAMPLES, SAMPLES, device=CPU, world=world)
    for module in one.learner.network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.register_forward_pre_hook(use_running_statistics)
    return one


def use_running_statistics(norm, _features):
    norm.eval()


def whole(world, folder):
    one, losses = frozen(world), []

    def note_loss(event):
        if isinstance(event, StepDone):
            losses.append((event.loss, event.bce, event.dice, event.negatives, event.gradient_norm))

    one.run(folder / "whole", report=note_loss, stop=never)
    torch.save(dict(one.learner.network.named_parameters()), folder / f"weights{world.rank}.pt")
    return losses


def stopped(world, folder):
    one = Trainer(SHARED, SAMPLES, SAMPLES, device=CPU, world=world)
    one.run(folder / "stopped", report=quiet, stop=lambda: world.rank == 1 and one.step == 1)
    return one.step


def failed(world, folder):
    one = Trainer(SHARED, SAMPLES, SAMPLES, device=CPU, world=world)

    def fail():
        if world.rank == 1 and one.step == 1:
            raise DataError("the second process fails")
        return False

    try:
        one.run(folder / "failed", report=quiet, stop=fail)
    except ScrLiveError as error:
        return str(error)
    return "nothing was raised"


def main(folder):
    warnings.simplefilter("error")
    torch.set_num_threads(1)
    found = {}
    with join_world(CPU, timeout_s=20) as (world, device):
        assert device == CPU
        found["whole"], found["stopped"] = whole(world, folder), stopped(world, folder)
        found["failed"] = failed(world, folder)
    (folder / f"found{world.rank}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
