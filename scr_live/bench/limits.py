"""The limits that the combinations of a bench are held against: which are needed, measured, and applied."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from scr_live.bench.config import BenchConfig
from scr_live.bench.floor import Limits, floor_of
from scr_live.bench.report import Row
from scr_live.bench.rounds import Contestant
from scr_live.engines import EngineInfo
from scr_live.errors import EngineUnavailableError, ScrLiveError
from scr_live.machine import usable_cores

if TYPE_CHECKING:
    from scr_live.bench.peaks import PeakProbes

_READ_BY: Final = ("openvino", "onnxruntime")
"""Engines that run an ONNX file on the processor."""


def why_no_floor(info: EngineInfo) -> str:
    """Say why an engine's networks are not held against a floor; empty: they are."""
    if info.backend == "constant":
        return "it computes nothing"
    if info.device != "CPU":
        return f"no limits are measured for {info.device}"
    return "" if info.backend in _READ_BY else f"{info.backend} runs no ONNX file, whose layers could be read"


class LimitProbes:
    """Probes of the precisions that the engines in use compute in, for the number of threads in use."""

    def __init__(self, config: BenchConfig, infos: Mapping[int, EngineInfo]) -> None:
        self.asked_threads = config.threads
        """0: OpenVINO decides, for the probes as for the networks."""
        self._threads = config.threads or usable_cores()
        self.notes: tuple[str, ...] = ()
        self._peaks: dict[str, PeakProbes] = {}
        self._limits: Limits | None = None
        held = [info for info in infos.values() if not why_no_floor(info)]
        if config.has_floor and held:
            self._open(sorted({info.precision for info in held} | {"fp32"}))

    def _open(self, precisions: list[str]) -> None:
        try:
            from scr_live.bench.peaks import PeakProbes  # noqa: PLC0415 - imports openvino
        except EngineUnavailableError as error:
            self.notes = (f"No floors: {error}",)
            return
        self._peaks = {name: PeakProbes(name, self.asked_threads) for name in precisions}

    @property
    def probes(self) -> list[Contestant]:
        """What is to take turns with the engines."""
        return list(self._peaks.values())

    @property
    def limits(self) -> Limits | None:
        """What was reached in the rounds, and the bandwidth, measured now; None: nothing is held to them."""
        if self._limits is None and self._peaks:
            from scr_live.bench.peaks import measure_bandwidth  # noqa: PLC0415 - see above

            peaks = {name: probes.peak for name, probes in self._peaks.items()}
            self._limits = Limits(self._threads, peaks, measure_bandwidth(self._threads))
        return self._limits

    @property
    def found(self) -> tuple[Limits, ...]:
        """For the report."""
        return () if self.limits is None else (self.limits,)


def floors(
    rows: list[Row], limits: LimitProbes, *, progress: Callable[[float], None] = lambda _: None
) -> list[Row]:
    """Return the rows with their floors, or why they have none; each file is profiled once a precision."""
    found = []
    known: dict[tuple[str, str, int], Row] = {}
    for index, row in enumerate(rows):
        progress(index / len(rows))
        if not row.is_measured or row.info is None:
            found.append(row)
            continue
        key = (row.info.model_sha256, row.info.precision, row.info.input_size)
        with_floor = known.get(key) if row.info.model_sha256 else None
        if with_floor is None:
            with_floor = known[key] = _with_floor(row, row.info, limits)
        found.append(replace(row, floor=with_floor.floor, no_floor=with_floor.no_floor))
    return found


def _with_floor(row: Row, info: EngineInfo, probes: LimitProbes) -> Row:
    reason, limits = why_no_floor(info), probes.limits
    if reason or limits is None:
        return replace(row, no_floor=reason or "no limits were measured")
    from scr_live.bench.layers import profile  # noqa: PLC0415 - imports openvino

    try:
        model = row.combination.find()
        if model is not None and model.sha256 != info.model_sha256:
            model = model.variant(precision=info.precision)
        if model is None or model.holds_weights:
            return replace(row, no_floor="it has no ONNX file")
        return replace(
            row,
            floor=floor_of(profile(model, precision=info.precision, threads=probes.asked_threads), limits),
        )
    except (ScrLiveError, ValueError, RuntimeError) as error:
        return replace(row, no_floor=f"its layers cannot be read: {' '.join(str(error).split())[:200]}")
