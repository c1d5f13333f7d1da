"""One holder at a time, among threads and processes, and none after a holder's death."""

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import scr_live
from scr_live.errors import OutputUnwritableError
from scr_live.file_lock import locked

ROOT = Path(scr_live.__file__).parents[1]
HOLD = """
import sys
from pathlib import Path
from scr_live.file_lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    input()
"""


def holder(path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    return process


def test_only_one_thread_is_inside_at_a_time(tmp_path):
    inside, most, rounds = 0, 0, []
    guard = threading.Lock()

    def work():
        nonlocal inside, most
        for _ in range(50):
            with locked(tmp_path / "lock"):
                with guard:
                    inside += 1
                    most = max(most, inside)
                with guard:
                    inside -= 1
            rounds.append(1)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, len(rounds)) == (1, 300)


def test_another_process_is_waited_for_and_that_is_said_once(tmp_path):
    told = []
    with holder(tmp_path / "lock") as process:

        def tell():
            told.append(process.poll())
            print("go", file=process.stdin, flush=True)

        with locked(tmp_path / "lock", tell):
            assert process.wait(timeout=20) == 0
    assert told == [None]


def test_the_lock_of_a_killed_process_holds_nobody_up(tmp_path):
    with holder(tmp_path / "lock") as process:
        process.kill()
        process.wait()
    told = []
    with locked(tmp_path / "lock", lambda: told.append("waits")):
        assert told == []


@pytest.mark.skipif(sys.platform == "win32", reason="there an open file cannot be removed")
def test_nothing_is_left_behind(tmp_path):
    for _ in range(2):
        with locked(tmp_path / "lock"):
            assert [path.name for path in tmp_path.iterdir()] == ["lock"]
        assert list(tmp_path.iterdir()) == []


def test_a_lock_file_that_cannot_be_removed_is_left_and_holds_nobody_up(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    for _ in range(2):
        with locked(tmp_path / "lock", lambda: pytest.fail("it is still held")):
            pass


def test_an_error_inside_lifts_the_lock(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "lock"):
        raise ZeroDivisionError
    with locked(tmp_path / "lock", lambda: pytest.fail("it is still held")):
        pass


def test_a_file_system_without_locks_is_a_sentence(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("scr_live.file_lock._try_lock", refuse)
    with (
        pytest.raises(OutputUnwritableError, match=r"No locks available.*local disk"),
        locked(tmp_path / "lock"),
    ):
        pass


def test_a_place_without_a_folder_is_a_sentence(tmp_path):
    with (
        pytest.raises(OutputUnwritableError, match=r"lock file .*none.*Choose another place"),
        locked(tmp_path / "none" / "lock"),
    ):
        pass
