"""What decides the shape of the network. Knows no torch: recipes and cards are read without it."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """Everything that decides the shape of the network; goes into the model card."""

    encoder: str = "lite0"
    width: int | None = 48
    """Channels of every level after the encoder; None keeps the encoder's own, as in the paper."""
    scm: bool = True
    srm: bool = True

    def as_dict(self) -> dict[str, str | int | bool | None]:
        """The fields as they stand in a model card."""
        return asdict(self)


PLAIN = NetworkConfig(encoder="plain", width=None)
LITE0 = NetworkConfig(encoder="lite0", width=48)
