"""What `bench` found of engines: a row a combination, the machine's limits, the protocol."""

from dataclasses import dataclass, field
from typing import Final

from scr_live.bench.combinations import Combination
from scr_live.bench.config import BenchConfig
from scr_live.bench.floor import Limits, NetworkFloor
from scr_live.bench.statistics import Middle, Spread, medians, middle, ratio, spread
from scr_live.bench.subject import Samples
from scr_live.engines import EngineInfo

SCHEMA: Final = 1
PARTS: Final = ("prepare", "infer", "finish", "whole")

PROTOCOL: Final = (
    "All combinations are open at once and take turns in rounds, in an order shuffled anew in each; a turn "
    "begins with one request that is not counted. One request at a time: prepare (find the field, cut it "
    "out, resize it), infer (the engine, its input and output conversions included), finish (check the "
    "answer, contours). In flight: answers a second of several engines of the same kind at once, each in a "
    "thread with its share of the cores, inputs prepared before; their number is doubled as long as that "
    "brings 5 %. Medians are those of the rounds' medians, intervals 95 % by resampling rounds, ratios are "
    "taken in each round. Memory: peak of a process that opens the engine and answers, less that of one with "
    "an engine that computes nothing."
)


@dataclass(frozen=True, slots=True)
class Row:
    """One combination: what was measured, or why not."""

    combination: Combination
    reason: str = ""
    """Why it could not be measured; empty: it was."""
    info: EngineInfo | None = None
    samples: Samples = field(default_factory=Samples)
    first_ms: float = 0.0
    in_flight: int = 1
    memory_mb: float | None = None
    floor: NetworkFloor | None = None
    no_floor: str = ""
    """Why there is no floor."""

    @property
    def is_measured(self) -> bool:
        """Whether it has figures."""
        return not self.reason and bool(self.samples.infer)

    def spread(self, part: str) -> Spread:
        """All samples of a part, whatever their round."""
        return spread([ms for samples in getattr(self.samples, part) for ms in samples])

    def middle(self, part: str) -> Middle:
        """Median over rounds of a part's medians."""
        return middle(medians(getattr(self.samples, part)))

    def ratio(self, part: str, first: "Row") -> Middle:
        """How many times as long as the first one it takes."""
        return ratio(medians(getattr(self.samples, part)), medians(getattr(first.samples, part)))

    def rate(self) -> Middle | None:
        """Answers a second in flight."""
        return middle(self.samples.rate) if self.samples.rate else None

    def rate_ratio(self, first: "Row") -> Middle | None:
        """How many times as many answers a second as the first one."""
        if not (self.samples.rate and first.samples.rate):
            return None
        return ratio(self.samples.rate, first.samples.rate)

    @property
    def times_floor(self) -> float | None:
        """Inference over the floor."""
        if self.floor is None or not self.is_measured or self.floor.floor_ms <= 0:
            return None
        return self.middle("infer").value / self.floor.floor_ms

    def as_dict(self, first: "Row | None") -> dict[str, object]:
        """Return it for a JSON file."""
        asked = self.combination
        found: dict[str, object] = {
            "label": asked.label,
            "asked": {
                "model": asked.model,
                "engine": asked.engine,
                "precision": asked.precision,
                "size": asked.size,
            },
            "reason": self.reason or None,
        }
        if self.info is not None:
            found["engine"] = _engine_dict(self.info)
        return found | self._figures(first) if self.is_measured else found

    def _figures(self, first: "Row | None") -> dict[str, object]:
        rate = self.rate()
        rate_ratio = None if first is None else self.rate_ratio(first)
        return {
            "first_request_ms": round(self.first_ms, 3),
            "ms": {part: self.spread(part).as_dict() | self.middle(part).as_dict() for part in PARTS},
            "ratio_to_first": None
            if first is None
            else {part: self.ratio(part, first).as_dict() for part in ("infer", "whole")},
            "in_flight": None
            if rate is None
            else {
                "engines": self.in_flight,
                "answers_a_second": rate.as_dict(),
                "ratio_to_first": None if rate_ratio is None else rate_ratio.as_dict(),
            },
            "peak_memory_growth_mb": None if self.memory_mb is None else round(self.memory_mb, 1),
            "floor": None if self.floor is None else self.floor.as_dict(),
            "times_floor": None if self.times_floor is None else round(self.times_floor, 3),
            "no_floor": self.no_floor or None,
            "round_medians_ms": [round(value, 4) for value in medians(self.samples.infer)],
        }


@dataclass(frozen=True, slots=True)
class Report:
    """All that was found."""

    config: BenchConfig
    rows: tuple[Row, ...]
    rounds: int
    limits: tuple[Limits, ...]
    load: "LoadDict"
    machine: dict[str, object]
    notes: tuple[str, ...] = ()

    @property
    def first(self) -> Row | None:
        """What the ratios are to: the first that could be measured."""
        return next((row for row in self.rows if row.is_measured), None)

    def as_dict(self) -> dict[str, object]:
        """Return it for a JSON file."""
        config = self.config
        return {
            "schema": SCHEMA,
            "protocol": {
                "text": PROTOCOL,
                "rounds": self.rounds,
                "seed": config.seed,
                "threads": config.threads,
                "frame": list(config.frame),
                "seconds": config.seconds,
            },
            "rows": [row.as_dict(self.first) for row in self.rows],
            "limits": [limits.as_dict() for limits in self.limits],
            "load": self.load,
            "notes": list(self.notes),
            "machine": self.machine,
        }


LoadDict = dict[str, float | None]


def _engine_dict(info: EngineInfo) -> dict[str, object]:
    return {
        "backend": info.backend,
        "device": info.device,
        "precision": info.precision,
        "input_size": info.input_size,
        "versions": dict(info.versions),
        "reason": info.reason,
        "model_sha256": info.model_sha256,
    }
