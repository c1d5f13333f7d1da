"""What this machine is, for figures that are to be compared."""

import importlib.metadata
import os
import platform
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import scr_live

_SETS: Final = ("avx", "f16c", "fma", "avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16")
_MORE_SETS: Final = ("avx512_fp16", "amx_int8", "amx_bf16", "asimd", "asimddp", "i8mm", "bf16")
"""What decides how fast a network is, in Linux's words."""

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


def processor_facts() -> dict[str, object]:
    """Return instruction sets, clocks in MHz and the governor, as far as the system tells (Linux)."""
    told = _told_of_processor("flags") or _told_of_processor("Features")
    flags = told[0].split() if told else []
    governors = Path("/sys/devices/system/cpu").glob("cpu*/cpufreq/scaling_governor")
    found = set()
    for governor in governors:
        with suppress(OSError):
            found.add(governor.read_text(encoding="ascii").strip())
    return {
        "instruction_sets": [name for name in (*_SETS, *_MORE_SETS) if name in flags],
        "clocks_mhz": [round(float(text)) for text in _told_of_processor("cpu MHz")],
        "governor": ", ".join(sorted(found)) or None,
    }


@dataclass(frozen=True, slots=True)
class Load:
    """How busy the machine is, and what it has done since it was started; None: the system does not tell."""

    average: float | None
    """Over the last minute, in processes that run or want to."""
    busy_s: float | None
    """Processor time of all cores, this process's included."""
    own_s: float
    """Processor time of this process, and of those it has started and outlived."""

    @classmethod
    def now(cls) -> "Load":
        """Look."""
        times = os.times()
        try:
            average = os.getloadavg()[0]
        except (AttributeError, OSError):  # Windows has none
            average = None
        own_s = times.user + times.system + times.children_user + times.children_system
        return cls(average, _busy_s(), own_s)


def others_share(before: Load, after: Load, wall_s: float) -> float | None:
    """What share of all cores others had between two looks; None: the system does not tell."""
    if before.busy_s is None or after.busy_s is None or wall_s <= 0:
        return None
    others_s = (after.busy_s - before.busy_s) - (after.own_s - before.own_s)
    return max(0.0, others_s / wall_s / (os.cpu_count() or 1))


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
    names = _told_of_processor("model name")
    return names[0] if names else platform.processor() or platform.machine()


def _told_of_processor(key: str) -> list[str]:
    """What Linux says of each core under that key; nothing elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    return [line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == key]


def _busy_s() -> float | None:
    """All cores together, since the start of the system: everything but idling and waiting for disks."""
    try:
        counts = [int(text) for text in Path("/proc/stat").read_text(encoding="ascii").split()[1:9]]
        user, nice, system, _idle, _iowait, irq, softirq, steal = counts
        return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError):
        return None
