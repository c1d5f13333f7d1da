"""Make the files of an export in an empty folder, each compared with PyTorch."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

import onnx
import torch

import scr_live
from scr_live.card import file_sha256
from scr_live.convert.config import ExportConfig
from scr_live.convert.half import to_half
from scr_live.convert.measure import Measure, Progress
from scr_live.convert.names import engine_files, onnx_name, precisions_of
from scr_live.convert.parity import TOLERANCE, Parity
from scr_live.convert.pictures import Selection, to_network
from scr_live.convert.runners import Runner, engine_runner, expanded_runner, plugin_runner, runners
from scr_live.convert.staging import CARD
from scr_live.convert.to_onnx import OPSET, stamp, trace
from scr_live.convert.tools import build_engine, is_symmetric, native_form, plugin_form
from scr_live.errors import EngineUnavailableError, ModelError
from scr_live.files import write_bytes, write_json
from scr_live.manifest import Artifact, Manifest, write_manifest
from scr_live.network.weights import read_network
from scr_live.shipped import Model

_EXPANDED = ".expanded.onnx"
_QUANTIZED = ".int8.onnx"
"""Files of the empty folder that are gone before it is moved in."""

_SHARE_FOR_SEARCH = 0.8
"""Of the Dice that int8 may cost: the gate compares with PyTorch, and the plugin form as well."""


@dataclass(frozen=True, slots=True)
class Listeners:
    """Who hears of an export."""

    note: Callable[[str], None]
    """What is done now."""
    progress: Progress
    """Pictures done, of how many."""
    publishing: Callable[[], None]
    """From here on the files are moved in: it must not be broken off."""


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison: a file, computed by an engine."""

    artifact: Artifact
    engine: str
    parity: Parity
    precision: str
    """Whose tolerance held: a key of parity.TOLERANCE."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, and how close it is."""

    folder: Path
    manifest: Manifest
    rows: tuple[Row, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be made, and where."""

    config: ExportConfig
    model: Model
    verify: Selection | None
    calibration: Selection | None
    stage: Path
    """An empty folder."""


def make(order: Order, listeners: Listeners) -> Exported:
    """Make every file; the weights are read here. ModelError: one differs by more than TOLERANCE allows."""
    card = order.model.card
    network = read_network(order.model.path, card)
    listeners.note("tracing the network to ONNX")
    native = trace(network, size=card.input_size, batch=order.config.batch)
    listeners.note("computing the reference in PyTorch")
    measure = Measure(network, card, verify=order.verify, progress=listeners.progress)
    return _Maker(order, measure, listeners).run(native)


class _Maker:
    def __init__(self, order: Order, measure: Measure, listeners: Listeners) -> None:
        self._config = order.config
        self._model = model = order.model
        self._stage = order.stage
        self._verify = order.verify
        self._calibration = order.calibration
        self._measure = measure
        self._listeners = listeners
        self._card = replace(model.card, sha256="", network=None)
        """Of what is exported: its graph needs no description of the network."""
        self._artifacts: list[Artifact] = []
        self._rows: list[Row] = []
        self._notes: list[str] = []

    def run(self, native: onnx.ModelProto) -> Exported:
        self._add_notes()
        for precision in precisions_of(self._config):
            graph = self._converted(native, precision)
            self._add_onnx(graph, "native", precision)
            if "plugin" in self._config.forms:
                self._add_onnx(plugin_form(graph), "plugin", precision)
        self._write_card()
        for name, engine, precision in engine_files(self._config, self._card.name):
            self._add_engine(name, engine, precision)
        manifest = self._manifest()
        write_manifest(self._stage, manifest)
        return Exported(self._stage, manifest, tuple(self._rows), tuple(self._notes))

    def _converted(self, native: onnx.ModelProto, precision: str) -> onnx.ModelProto:
        match precision:
            case "fp16":
                half = to_half(native)
                kept = "; ".join(f"{count} of {reason}" for reason, count in half.kept.items())
                self._notes.append(f"fp16: of {half.nodes} nodes these stay in fp32: {kept}.")
                return half.model
            case "int8":
                return self._quantized()
            case _:
                return native

    def _quantized(self) -> onnx.ModelProto:
        from scr_live.convert.quantize import quantize  # noqa: PLC0415 - heavy

        card, out, calibration = self._card, self._stage / _QUANTIZED, self._calibration
        if calibration is None:
            raise ValueError("int8 needs pictures to calibrate on: ExportConfig.check sees to it")
        self._listeners.note(
            f"quantising to int8 on {len(calibration.entries)} pictures of {calibration.name}"
        )
        result = quantize(
            self._stage / onnx_name(card.name, "native", "fp32"),
            out,
            images=to_network(calibration.entries, card.input_size),
            score=self._score if self._measure.reference_dice is not None else None,
            max_loss=_SHARE_FOR_SEARCH * TOLERANCE["int8"].dice_loss,
            progress=self._listeners.note,
        )
        model = onnx.load(out)
        out.unlink()
        total = result.layers + len(result.kept)
        kept = f"; in float stay {', '.join(result.kept)}" if result.kept else ""
        self._notes.append(f"int8: {result.layers} of {total} convolutions, ranges by {result.ranges}{kept}.")
        return model

    def _score(self, path: Path) -> float:
        """Dice of a candidate, by the engine that does worst: each has to pass the gate."""
        return self._measure.lowest_dice(runner.engine for runner in self._runners(path, "int8"))

    def _add_onnx(self, graph: onnx.ModelProto, form: str, precision: str) -> None:
        name = self._card.name
        path = self._stage / onnx_name(name, form, precision)
        facts = {"weights_sha256": self._model.sha256, "form": form, "precision": precision}
        write_bytes(path, stamp(graph, name=name, facts=facts))
        artifact = self._artifact(path, kind="onnx", form=form, precision=precision)
        self._add(artifact, self._compared(artifact, path))

    def _compared(self, artifact: Artifact, path: Path) -> Iterator[Row]:
        if artifact.form == "native":
            yield from self._gated(artifact, self._runners(path, artifact.precision))
            return
        plugin = onnx.load(path)
        exact = plugin_runner(plugin, self._card, precision=artifact.precision, batch=self._config.batch)
        yield from self._gated(artifact, [exact], with_set=False)  # it is slow
        expanded = self._stage / _EXPANDED  # no engine of a CPU knows the node
        write_bytes(expanded, native_form(plugin).SerializeToString(deterministic=True))
        config = self._config
        quick = expanded_runner(
            expanded, self._card, precision=artifact.precision, batch=config.batch, threads=config.threads
        )
        yield from self._gated(artifact, [quick])
        expanded.unlink()

    def _gated(
        self, artifact: Artifact, computed_by: Iterable[Runner], *, with_set: bool = True
    ) -> Iterator[Row]:
        for runner in computed_by:
            self._listeners.note(f"comparing {artifact.file} by {runner.name}")
            with runner.engine as engine:
                parity = self._measure.parity(engine, with_set=with_set)
            if breach := runner.tolerance.breach(parity):
                raise ModelError(
                    f"{artifact.file} differs from PyTorch, computed by {runner.name}: {breach}. Nothing was "
                    "written."
                )
            yield Row(artifact, runner.name, parity, runner.precision)

    def _runners(self, path: Path, precision: str) -> Iterator[Runner]:
        config = self._config
        return runners(path, self._card, precision=precision, batch=config.batch, threads=config.threads)

    def _add_engine(self, name: str, engine: str, precision: str) -> None:
        form = self._config.form_of(engine)
        source = self._stage / onnx_name(self._card.name, form, precision)
        path = self._stage / name
        if not is_symmetric(source):
            self._notes.append(
                f"{name} was not built: TensorRT takes int8 around zero alone, and the ranges in "
                f"{source.name} have zero points."
            )
            return
        self._listeners.note(f"building {name}")
        builder = build_engine(engine, source, path, note=self._listeners.note)
        made = self._artifact(path, kind=engine, form=form, precision=precision)
        # An open batch becomes one: TensorRT optimises for what it knows.
        artifact = replace(made, builder=builder, opset=None, batch=made.batch or 1)
        write_manifest(self._stage, self._manifest(artifact))  # by which the engine finds the file
        self._add(artifact, self._ran(artifact))

    def _ran(self, artifact: Artifact) -> Iterable[Row]:
        if artifact.batch != 1:
            self._notes.append(
                f"{artifact.file} was built and has not run here: it takes {artifact.batch} pictures at once."
            )
            return ()
        try:
            runner = engine_runner(self._fp32, artifact.kind, artifact.precision)
        except EngineUnavailableError as error:
            self._notes.append(f"{artifact.file} was built and has not run here: {error}")
            return ()
        return self._gated(artifact, [runner])

    @property
    def _fp32(self) -> Model:
        """What the card describes."""
        first = self._artifacts[0]
        return Model(self._stage / first.file, replace(self._card, sha256=first.sha256), first.sha256)

    def _add(self, artifact: Artifact, compared: Iterable[Row]) -> None:
        rows = list(compared)
        self._rows += rows
        self._artifacts.append(replace(artifact, parity={row.engine: row.parity.as_dict() for row in rows}))

    def _manifest(self, *more: Artifact) -> Manifest:
        artifacts = (*self._artifacts, *more)
        return Manifest(self._card.name, self._model.sha256, _versions(), artifacts)

    def _artifact(self, path: Path, *, kind: str, form: str, precision: str) -> Artifact:
        return Artifact(
            file=path.name,
            kind=kind,
            form=form,
            precision=precision,
            sha256=file_sha256(path),
            bytes=path.stat().st_size,
            input_size=self._card.input_size,
            opset=OPSET,
            batch=self._config.batch,
        )

    def _write_card(self) -> None:
        card = self._fp32.card.as_dict()
        del card["network"]
        write_json(
            self._stage / CARD, {key: list(v) if isinstance(v, tuple) else v for key, v in card.items()}
        )

    def _add_notes(self) -> None:
        extra = "" if self._verify is None else f" and {_counted(self._verify)}"
        self._notes.append(f"Compared on {self._measure.synthetic} synthetic pictures{extra}.")
        if self._measure.reference_dice is not None:
            self._notes.append(f"Dice of PyTorch in fp32: {self._measure.reference_dice:.4f}.")
        elif self._verify is not None:
            self._notes.append(f"Dice was not measured: no picture of {self._verify.name} shows a polyp.")
        if self._calibration is not None:
            self._notes.append(f"Calibrated on {_counted(self._calibration)}.")


def _counted(selection: Selection) -> str:
    taken = len(selection.entries)
    return f"{taken} {'picture' if taken == 1 else 'pictures'} of {selection.name}" + (
        "" if taken == selection.total else f", out of {selection.total}"
    )


def _versions() -> dict[str, str]:
    found = {"scr-live": scr_live.__version__, "torch": torch.__version__}
    for package in ("onnx", "onnxscript", "openvino", "onnxruntime", "onnxruntime-gpu"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found
