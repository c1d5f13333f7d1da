"""Which ranges, and which convolutions stay in float: by what they change of the answers."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from scr_live.convert.quantize_graph import FloatModel, Range, quantized
from scr_live.convert.quantize_ranges import METHODS, collect
from scr_live.convert.quantize_runs import Run, Yardstick

_FOR_RANGES = 16
_FOR_LAYERS = 8
"""Most pictures that choices are measured on; every picture is calibrated on."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A quantised graph."""

    graph: onnx.ModelProto
    kept: tuple[str, ...]
    """Convolutions left in float, and why."""


class Search:
    """Candidates, from that with everything in int8 to that with half of the layers in float."""

    def __init__(
        self, source: FloatModel, images: Sequence[NDArray[np.uint8]], tell: Callable[[str], None]
    ) -> None:
        self._source = source
        self._nodes = {layer.node: layer.label for layer in source.layers}
        self._tell = tell
        self._yardstick = Yardstick(source, images, most=_FOR_RANGES)
        self._images = images
        self.ranges, self._ranges = self._choose_ranges()

    def candidates(self) -> Iterator[Candidate]:
        """One after another, with more and more of the most sensitive layers in float."""
        yield Candidate(self._graph(self._nodes), ())
        sensitive = self._most_sensitive_first()
        count = 1
        while count <= len(self._nodes) // 2:
            kept = sensitive[:count]
            graph = self._graph(self._nodes.keys() - dict(kept))
            yield Candidate(graph, tuple(f"{self._nodes[node]} ({cost:.2%} alone)" for node, cost in kept))
            count *= 2

    def difference(self, graph: onnx.ModelProto) -> float:
        """See `Yardstick.difference`."""
        return self._yardstick.difference(graph)

    def _choose_ranges(self) -> tuple[str, dict[str, Range]]:
        """The method that changes the answers least, and its range of each activation."""
        tensors = sorted({layer.activation for layer in self._source.layers})
        self._tell(f"measuring {len(tensors)} activations on {len(self._images)} pictures")
        run = Run(self._source, self._source.model, tensors=tensors)
        histograms = collect(tensors, lambda: run.over(self._images))
        ranges = {
            name: {tensor: method(histogram) for tensor, histogram in histograms.items()}
            for name, method in METHODS.items()
        }
        costs = {
            name: self.difference(quantized(self._source, self._nodes, values))
            for name, values in ranges.items()
        }
        self._tell(", ".join(f"{name}: {cost:.2%}" for name, cost in costs.items()))
        best = min(costs, key=lambda name: costs[name])
        return best, ranges[best]

    def _most_sensitive_first(self) -> list[tuple[str, float]]:
        """Each node, and what it changes when it alone is quantised."""
        self._tell(f"measuring {len(self._nodes)} convolutions one by one")
        yardstick = Yardstick(self._source, self._images, most=_FOR_LAYERS)
        costs = {node: yardstick.difference(self._graph([node])) for node in self._nodes}
        return sorted(costs.items(), key=lambda item: -item[1])

    def _graph(self, nodes: Collection[str]) -> onnx.ModelProto:
        return quantized(self._source, nodes, self._ranges)
