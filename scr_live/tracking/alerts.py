"""When a region is announced: once its track has been seen for long enough, in frames that can be judged."""

from dataclasses import dataclass
from typing import Final

from scr_live.controls import LONGEST_ALERT_AFTER_S
from scr_live.errors import OptionError

RULES_S: Final = (0.0, 0.25, 0.5, 1.0, 2.0)
"""The settings that are measured and told side by side."""


@dataclass(frozen=True, slots=True)
class AlertRule:
    """Holds a mark back until its track is old enough; an announced track stays announced.

    Most false marks last less than three frames (Brand et al.); a rule of half a second brought specificity
    to 93 % (Holzwanger 2021), and longer ones begin to miss polyps (2 % -> 10 % at 1.5 s, ce.2023.145).
    """

    after_s: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.after_s <= LONGEST_ALERT_AFTER_S:
            raise OptionError(
                f"A mark is announced after 0 to {LONGEST_ALERT_AFTER_S:g} seconds; found {self.after_s}. "
                f"Usual are {', '.join(f'{rule:g}' for rule in RULES_S)}."
            )

    def announces(self, age_s: float) -> bool:
        """Whether a track that has been seen for so long is to be announced."""
        return age_s >= self.after_s
