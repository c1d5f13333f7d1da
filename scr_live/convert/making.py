"""Make the files of an export in an empty folder, each compared with PyTorch."""

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

import onnx
import torch

import scr_live
from scr_live.card import file_sha256
from scr_live.convert.config import FORM_OF, ExportConfig
from scr_live.convert.half import to_half
from scr_live.convert.measure import Measure, Progress
from scr_live.convert.names import engine_files, onnx_name, precisions_of
from scr_live.convert.parity import Parity, Tolerance
from scr_live.convert.pictures import Selection, to_network
from scr_live.convert.runners import Runner, runners
from scr_live.convert.staging import CARD
from scr_live.convert.to_onnx import OPSET, stamp, trace
from scr_live.convert.tools import build_engine, native_form, plugin_form
from scr_live.errors import ModelError, OutputUnwritableError
from scr_live.files import write_json
from scr_live.manifest import Artifact, Manifest, write_manifest
from scr_live.network.weights import read_network
from scr_live.shipped import Model

_EXPANDED = ".expanded.onnx"
_QUANTIZED = ".int8.onnx"
"""Files of the empty folder that are gone before it is moved in."""


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
    tolerance: Tolerance


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, and how close it is."""

    folder: Path
    manifest: Manifest
    rows: tuple[Row, ...]
    notes: tuple[str, ...]


class Maker:
    """An export into an empty folder."""

    def __init__(self, config: ExportConfig, model: Model, stage: Path, listeners: Listeners) -> None:
        self._config = config
        self._model = model
        self._stage = stage
        self._listeners = listeners
        self._card = replace(model.card, sha256="", network=None)
        """Of what is exported: its graph needs no description of the network."""
        self._artifacts: list[Artifact] = []
        self._rows: list[Row] = []
        self._notes: list[str] = []

    def run(self, *, verify: Selection | None, calibration: Selection | None) -> Exported:
        """Make everything; the weights are read here. Gates, and what it raises: see `command.export`."""
        card, note = self._model.card, self._listeners.note
        network = read_network(self._model.path, card)
        note("tracing the network to ONNX")
        native = trace(network, size=card.input_size, batch=self._config.batch)
        note("computing the reference in PyTorch")
        self._measure = Measure(network, card, verify=verify, progress=self._listeners.progress)
        self._add_notes(verify, calibration)
        for precision in precisions_of(self._config):
            graph = self._converted(native, precision, calibration)
            self._add_onnx(graph, "native", precision)
            if "plugin" in self._config.forms:
                self._add_onnx(plugin_form(graph), "plugin", precision)
        self._write_card()
        for name, engine, precision in engine_files(self._config, card.name):
            self._add_engine(name, engine, precision)
        manifest = Manifest(card.name, self._model.sha256, _versions(), tuple(self._artifacts))
        write_manifest(self._stage, manifest)
        return Exported(self._stage, manifest, tuple(self._rows), tuple(self._notes))

    def _converted(
        self, native: onnx.ModelProto, precision: str, calibration: Selection | None
    ) -> onnx.ModelProto:
        match precision:
            case "fp16":
                half = to_half(native)
                kept = ", ".join(f"{count} ({reason})" for reason, count in half.kept.items())
                self._notes.append(f"fp16: of {half.nodes} layers these stay in fp32: {kept}.")
                return half.model
            case "int8" if calibration is not None:
                return self._quantized(calibration)
            case _:
                return native

    def _quantized(self, calibration: Selection) -> onnx.ModelProto:
        from scr_live.convert.quantize import quantize  # noqa: PLC0415 - heavy

        card, out = self._model.card, self._stage / _QUANTIZED
        self._listeners.note(
            f"quantising to int8 on {len(calibration.entries)} pictures of {calibration.name}"
        )
        result = quantize(
            self._stage / onnx_name(card.name, "native", "fp32"),
            out,
            images=to_network(calibration.entries, card.input_size),
            score=self._score if self._measure.reference_dice is not None else None,
        )
        model = onnx.load(out)
        out.unlink()
        self._notes.append(f"int8: left in float: {', '.join(result.kept) or 'nothing'}.")
        return model

    def _score(self, path: Path) -> float:
        """Dice of a candidate."""
        runner = next(self._runners(path, "int8"))
        with runner.engine as engine:
            return self._measure.dice(engine)

    def _add_onnx(self, graph: onnx.ModelProto, form: str, precision: str) -> None:
        card = self._model.card
        path = self._stage / onnx_name(card.name, form, precision)
        facts = {"weights_sha256": self._model.sha256, "form": form, "precision": precision}
        _write(path, stamp(graph, name=card.name, facts=facts))
        artifact = self._artifact(path, kind="onnx", form=form, precision=precision)
        rows = list(self._compared(artifact, path))
        self._rows += rows
        self._artifacts.append(replace(artifact, parity={row.engine: row.parity.as_dict() for row in rows}))

    def _compared(self, artifact: Artifact, path: Path) -> Iterator[Row]:
        is_plugin = artifact.form == "plugin"
        computed = self._stage / _EXPANDED if is_plugin else path
        if is_plugin:  # no engine of a CPU knows the node
            _write(computed, native_form(onnx.load(path)).SerializeToString(deterministic=True))
        for runner in self._runners(computed, artifact.precision):
            name = f"{runner.name}, warp expanded" if is_plugin else runner.name
            self._listeners.note(f"comparing {path.name} by {name}")
            with runner.engine as engine:
                parity = self._measure.parity(engine)
            if breach := runner.tolerance.breach(parity):
                raise ModelError(
                    f"{path.name} differs from PyTorch, computed by {name}: {breach}. Nothing was written."
                )
            yield Row(artifact, name, parity, runner.tolerance)
        if is_plugin:
            computed.unlink()

    def _runners(self, path: Path, precision: str) -> Iterator[Runner]:
        config = self._config
        return runners(path, self._card, precision=precision, batch=config.batch, threads=config.threads)

    def _add_engine(self, name: str, engine: str, precision: str) -> None:
        source = self._stage / onnx_name(self._model.card.name, FORM_OF[engine], precision)
        self._listeners.note(f"building {name}")
        path = self._stage / name
        builder = build_engine(engine, source, path, card=self._card, note=self._listeners.note)
        artifact = self._artifact(path, kind=engine, form=FORM_OF[engine], precision=precision)
        self._artifacts.append(replace(artifact, builder=builder, opset=None))

    def _artifact(self, path: Path, *, kind: str, form: str, precision: str) -> Artifact:
        return Artifact(
            file=path.name,
            kind=kind,
            form=form,
            precision=precision,
            sha256=file_sha256(path),
            bytes=path.stat().st_size,
            input_size=self._model.card.input_size,
            opset=OPSET,
            batch=self._config.batch,
        )

    def _write_card(self) -> None:
        card = replace(self._card, sha256=self._artifacts[0].sha256).as_dict()
        del card["network"]
        write_json(
            self._stage / CARD, {key: list(v) if isinstance(v, tuple) else v for key, v in card.items()}
        )

    def _add_notes(self, verify: Selection | None, calibration: Selection | None) -> None:
        extra = "" if verify is None else f" and {_counted(verify)}"
        self._notes.append(f"Compared on {self._measure.synthetic} synthetic pictures{extra}.")
        if self._measure.reference_dice is not None:
            self._notes.append(f"Dice of PyTorch in fp32: {self._measure.reference_dice:.4f}.")
        if calibration is not None:
            self._notes.append(f"Calibrated on {_counted(calibration)}.")


def _counted(selection: Selection) -> str:
    taken = len(selection.entries)
    return f"{taken} {'picture' if taken == 1 else 'pictures'} of {selection.name}" + (
        "" if taken == selection.total else f", out of {selection.total}"
    )


def _versions() -> dict[str, str]:
    packages = ("onnx", "onnxscript", "openvino", "onnxruntime")
    found = {name: metadata.version(name) for name in packages if importlib.util.find_spec(name)}
    return {"scr-live": scr_live.__version__, "torch": torch.__version__, **found}


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise OutputUnwritableError(f"Cannot write {path.name}: {error.strerror}.") from error
