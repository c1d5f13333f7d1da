"""How fast a run is, and how long it will take."""

from collections import deque

from scr_live.training.recipe import Recipe

_RECENT = 50


class Pace:
    """Means over the recent steps; validations are counted in what is left."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._steps: deque[tuple[float, float]] = deque(maxlen=_RECENT)
        self._validation_s = 0.0

    def step_took(self, seconds: float, *, waited: float) -> None:
        """Count a step; `waited`: the part of it in which there was no batch."""
        self._steps.append((seconds, waited))

    def validation_took(self, seconds: float) -> None:
        """Count a validation, with all that is written then."""
        self._validation_s = seconds

    @property
    def pictures_per_s(self) -> float:
        """Of all processes together."""
        return self._recipe.batch / max(self._step_s, 1e-9)

    @property
    def data_share(self) -> float:
        """Share of the time that went into waiting for batches."""
        return sum(waited for _, waited in self._steps) / max(sum(took for took, _ in self._steps), 1e-9)

    def seconds_left(self, step: int) -> float:
        """From `step` steps done to the end of the recipe."""
        recipe = self._recipe
        validations = -(-recipe.steps // recipe.validate_every) - step // recipe.validate_every
        return (recipe.steps - step) * self._step_s + validations * self._validation_s

    @property
    def _step_s(self) -> float:
        return sum(took for took, _ in self._steps) / max(len(self._steps), 1)
