"""The commands that need an extra: their help needs nothing, and its absence is one paragraph."""

import subprocess
import sys

import pytest

WITHOUT_TORCH = """
import runpy, sys
sys.modules["torch"] = None
sys.argv = [{module!r}, *{arguments!r}]
runpy.run_module({module!r}, run_name="__main__", alter_sys=True)
"""

COMMANDS = {
    ("scr_live", "train"): ["--recipe", "plain", "--out", "run", "--data", "set"],
    ("scr_live", "ablate"): ["--recipe", "plain", "--out", "runs", "--data", "set"],
    ("scr_live", "export"): ["--ckpt", "w.safetensors", "--out", "out"],
}


def without_torch(module, *arguments):
    code = WITHOUT_TORCH.format(module=module, arguments=list(arguments))
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=50
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_help_needs_no_torch(command):
    done = without_torch(*command, "--help")
    assert done.returncode == 0
    assert all(option in done.stdout for option in COMMANDS[command] if option.startswith("--"))


@pytest.mark.parametrize("command", COMMANDS)
def test_without_torch_one_paragraph_names_the_extra(command):
    done = without_torch(*command, *COMMANDS[command])
    assert done.returncode == 1
    extra = "export" if "export" in command else "train"
    assert f"scr-live[{extra}]" in done.stderr
    assert "Traceback" not in done.stderr
