"""What this machine is, for figures that are to be compared."""

import importlib.metadata
import os
import platform
from pathlib import Path

import scr_live

_PACKAGES = ("numpy", "opencv-python", "av", "openvino", "onnxruntime", "torch")


def machine_facts() -> dict[str, object]:
    """Return processor, cores, system, Python and the versions of what a run depends on; no host name."""
    return {
        "cpu": _cpu_name(),
        "cores": usable_cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "scr-live": scr_live.__version__,
        "packages": {name: version for name in _PACKAGES if (version := installed_version(name))},
    }


def usable_cores() -> int:
    """How many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))  # what this process may use, in a container too
    except AttributeError:  # macOS and Windows have no affinity
        return os.cpu_count() or 1


def installed_version(package: str) -> str:
    """Return the version of an installed distribution, or nothing."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
