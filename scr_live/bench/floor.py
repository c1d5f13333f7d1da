"""The least time that a network can take here, layer by layer, and how far it is from that.

A layer cannot be quicker than its multiply-adds at the best rate this machine was seen to reach in the same
precision, nor than a copy of as many bytes as it reads and writes. The larger of the two is its floor; a
network's floor is the sum, since each layer waits for the one before.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from scr_live.bench.layers import Layer, Profile
from scr_live.bench.peaks import Bandwidth


@dataclass(frozen=True, slots=True)
class Limits:
    """What the machine reaches with so many threads."""

    threads: int
    peaks: Mapping[str, float]
    """Multiply-adds a second by precision."""
    bandwidth: Bandwidth

    def as_dict(self) -> dict[str, object]:
        """Return it for a JSON file."""
        rates = self.bandwidth.rates
        return {
            "threads": self.threads,
            "gmacs_a_second": {name: round(rate / 1e9, 2) for name, rate in self.peaks.items()},
            "copy_gb_a_second": {str(size): round(rate / 1e9, 2) for size, rate in rates.items()},
        }


@dataclass(frozen=True, slots=True)
class LayerFloor:
    """A layer and its floor."""

    layer: Layer
    compute_ms: float
    move_ms: float

    @property
    def floor_ms(self) -> float:
        """The least that it can take."""
        return max(self.compute_ms, self.move_ms)

    @property
    def times(self) -> float | None:
        """How many times its floor it takes; None: it has none."""
        return self.layer.ms / self.floor_ms if self.floor_ms > 0 else None

    @property
    def excess_ms(self) -> float:
        """What could be gained at most."""
        return max(0.0, self.layer.ms - self.floor_ms)

    def as_dict(self) -> dict[str, object]:
        """Return it for a JSON file."""
        layer = self.layer
        return {
            "name": layer.name,
            "kind": layer.kind,
            "primitive": layer.primitive,
            "precision": layer.precision,
            "ms": round(layer.ms, 4),
            "macs": layer.macs,
            "moved_bytes": layer.moved_bytes,
            "compute_ms": round(self.compute_ms, 4),
            "move_ms": round(self.move_ms, 4),
            "floor_ms": round(self.floor_ms, 4),
            "times_floor": None if self.times is None else round(self.times, 2),
            "made_of": list(layer.made_of),
        }


@dataclass(frozen=True, slots=True)
class NetworkFloor:
    """A network, its layers heaviest first, and its floor."""

    macs: int
    layers: tuple[LayerFloor, ...]

    @property
    def floor_ms(self) -> float:
        """Sum of the layers' floors."""
        return sum(layer.floor_ms for layer in self.layers)

    @property
    def compute_ms(self) -> float:
        """Of the multiply-adds alone: all that would be left if nothing had to be moved."""
        return sum(layer.compute_ms for layer in self.layers)

    @property
    def layers_ms(self) -> float:
        """What the layers take, with the counters on."""
        return sum(layer.layer.ms for layer in self.layers)

    def as_dict(self) -> dict[str, object]:
        """Return it for a JSON file."""
        return {
            "macs": self.macs,
            "macs_found_in_layers": sum(one.layer.macs for one in self.layers),
            "floor_ms": round(self.floor_ms, 4),
            "compute_ms": round(self.compute_ms, 4),
            "layers_ms": round(self.layers_ms, 4),
            "layers": [layer.as_dict() for layer in self.layers],
        }


def floor_of(profile: Profile, limits: Limits) -> NetworkFloor:
    """Hold a profile against the limits; each layer against those of its own precision."""
    layers = tuple(_layer_floor(layer, limits) for layer in profile.layers)
    return NetworkFloor(profile.macs, layers)


def _layer_floor(layer: Layer, limits: Limits) -> LayerFloor:
    # A precision that was not measured is held against the best there is: a floor must not be too high.
    peak = limits.peaks.get(layer.precision) or max(limits.peaks.values())
    return LayerFloor(
        layer,
        compute_ms=1000 * layer.macs / peak,
        move_ms=1000 * layer.moved_bytes / limits.bandwidth.at(layer.moved_bytes),
    )
