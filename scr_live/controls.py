"""What a person may change while a run is going: shared between the screen and the pipeline."""

from dataclasses import dataclass


@dataclass(slots=True)
class Controls:
    """Plain attributes: each is read and written whole, which needs no lock in CPython."""

    threshold: float = 0.5
    """Probability from which a pixel counts as polyp."""
    overlay: bool = True
    """Whether marks are drawn."""
    paused: bool = False
    """Files only: nothing is taken from the source."""
