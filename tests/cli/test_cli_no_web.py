"""A machine that has not the extra `web`: only who asks for the page is told so."""

import subprocess
import sys

import pytest

WITHOUT = """
import sys
from importlib.machinery import PathFinder

MISSING = "fastapi starlette uvicorn websockets h11 prometheus_client httpx2".split()


class Without:
    @staticmethod
    def find_spec(name, path=None, target=None):
        return None if name.split(".")[0] in MISSING else PathFinder.find_spec(name, path, target)


sys.meta_path = [Without if finder is PathFinder else finder for finder in sys.meta_path]
from scr_live.__main__ import main
sys.argv[0] = "scr-live"
sys.exit(main())
"""
RUN = ["run", "--source", "phantom:size=64x48,duration=0.4", "--engine", "constant", "--no-display"]


def without_the_extra(*arguments):
    command = [sys.executable, "-c", WITHOUT, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_page_is_refused_with_what_to_install():
    done = without_the_extra(*RUN, "--serve", "127.0.0.1:0")
    assert done.returncode == 2
    said = " ".join(done.stderr.split())
    assert "--serve needs the extra `web`" in said
    assert "fastapi, uvicorn, websockets, prometheus_client missing" in said
    assert "pip install 'scr-live[web]'" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("records", [False, True])
def test_a_run_without_a_page_needs_nothing_of_it(records, tmp_path):
    record = tmp_path / "out.mp4"
    done = without_the_extra(*RUN, *(["--record", str(record)] if records else []))
    assert done.returncode == 0, done.stderr
    assert record.exists() is records


def test_the_help_names_the_option():
    done = without_the_extra("run", "--help")
    assert done.returncode == 0
    assert "--serve" in done.stdout
