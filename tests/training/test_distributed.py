import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs torch, of the extra `train`")
pytest.importorskip("safetensors", reason="needs safetensors, of the extra `train`")

import torch
from distributed_process import whole

from scr_live.errors import EngineUnavailableError, OptionError, ScrLiveError
from scr_live.training.distributed import World, choose_device, join_world

torch.set_num_threads(1)
CPU = torch.device("cpu")


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def start(folder, rank, port):
    return subprocess.Popen(
        [sys.executable, Path(__file__).with_name("distributed_process.py"), folder],
        env=os.environ
        | {
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
            "WORLD_SIZE": "2",
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """What two processes found; see distributed_process.py."""
    folder = tmp_path_factory.mktemp("pair")
    port = free_port()
    processes = [start(folder, rank, port) for rank in range(2)]
    try:
        told = [process.communicate(timeout=55)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], "\n".join(told)
    return folder, [json.loads((folder / f"found{rank}.json").read_text()) for rank in range(2)]


def test_two_processes_learn_what_one_does_with_the_whole_batch(pair, tmp_path):
    folder, (first, second) = pair
    alone = whole(World(), tmp_path)
    assert second["whole"] == []  # the first one alone reports
    torch.testing.assert_close(torch.tensor(first["whole"]), torch.tensor(alone), rtol=1e-4, atol=1e-6)
    one, two, expected = (
        torch.load(path, weights_only=True)
        for path in (folder / "weights0.pt", folder / "weights1.pt", tmp_path / "weights0.pt")
    )
    for name, value in expected.items():
        assert torch.equal(one[name], two[name]), name
        torch.testing.assert_close(one[name], value, rtol=1e-3, atol=1e-5)


def test_the_first_process_writes_the_whole_run_folder(pair):
    folder, _ = pair
    names = {path.name for path in (folder / "whole").iterdir()} - {"tensorboard"}
    assert names == {
        "best.safetensors",
        "last.pt",
        "last.previous.pt",
        "last.safetensors",
        "predictions",
        "train.csv",
        "validation.csv",
    }
    steps = [line.split(",")[0] for line in (folder / "whole" / "validation.csv").read_text().splitlines()]
    assert steps == ["step", "2", "3"]


def test_a_wish_to_stop_of_one_process_stops_all_after_the_same_step(pair):
    _, found = pair
    assert [one["stopped"] for one in found] == [1, 1]


def test_a_process_that_fails_does_not_leave_the_others_hanging(pair):
    _, (first, second) = pair
    assert second["failed"] == "the second process fails"
    assert "Process 0 of 2 lost the others" in first["failed"]


# One process


def test_without_torchrun_a_process_is_alone(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with join_world(CPU) as (world, device):
        assert (world, device) == (World(), CPU)
        assert world.is_first
        assert world.total([1.5, 2.0]) == [1.5, 2.0]
        assert world.any(True)
        assert not world.any(False)


def test_processes_that_do_not_come_are_not_waited_for_for_ever(monkeypatch):
    for name, value in {
        "RANK": "0",
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
    }.items():
        monkeypatch.setenv(name, value)
    with (
        pytest.raises(ScrLiveError, match="Process 0 of 2 did not reach the others within 1 s"),
        join_world(CPU, timeout_s=1),
    ):
        pass


def test_an_odd_environment_is_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "two")
    with pytest.raises(OptionError, match="WORLD_SIZE='two'"), join_world(CPU):
        pass


@pytest.mark.parametrize("name", ["cuda:", "cuda:x", "cpu:0", "CPU", ""])
def test_a_device_is_named_properly(name):
    with pytest.raises(OptionError, match="--device must be auto, cpu, cuda or cuda:N"):
        choose_device(name)


def test_a_device_that_is_not_there_is_named():
    with pytest.raises(EngineUnavailableError, match="--device cuda:99 is not there"):
        choose_device("cuda:99")
    assert choose_device("cpu") == CPU
