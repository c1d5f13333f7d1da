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


WITHOUT = """
import runpy, sys
sys.modules[{package!r}] = None
sys.argv = ["scr_live", *{arguments!r}]
runpy.run_module("scr_live", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("package", ["onnxscript", "onnxruntime"])
def test_a_tool_of_the_export_that_cannot_be_loaded_is_one_paragraph(tmp_path, package):
    pytest.importorskip("onnxscript", reason="needs onnxscript, of the extra `export`")
    arguments = ["export", "--ckpt", "scr-net-lite0", "--out", str(tmp_path / "out")]
    code = WITHOUT.format(package=package, arguments=arguments)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=50
    )
    assert done.returncode == 1
    assert "scr-live[export]" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
