"""How far a build is, and that it is to stop."""

from dataclasses import dataclass, field
from types import ModuleType
from typing import Any


@dataclass(slots=True)
class BuildProgress:
    """Told by the library's threads, read by the one that waits."""

    text: str = ""
    """The innermost phase with its steps, such as `Timing graph nodes 12/80`."""
    cancelled: bool = False
    """Set from outside: the library stops at its next step."""
    _steps: dict[str, int] = field(default_factory=dict)

    def begin(self, phase: str, steps: int) -> None:
        """A phase begins; phases lie within each other."""
        self._steps[phase] = steps
        self.text = phase

    def step(self, phase: str, step: int) -> bool:
        """A step is done, counted from 0. False: the build is to stop."""
        self.text = f"{phase} {step + 1}/{self._steps.get(phase, 0)}"
        return not self.cancelled

    def end(self, phase: str) -> None:
        """A phase is over."""
        self._steps.pop(phase, None)


def as_monitor(library: ModuleType, progress: BuildProgress) -> Any:  # noqa: ANN401 - a class of the vendor's
    """The progress as the library wants it. It must live as long as the build."""

    class Monitor(library.IProgressMonitor):  # type: ignore[name-defined]
        def __init__(self) -> None:
            library.IProgressMonitor.__init__(self)

        def phase_start(self, phase: str, parent: str | None, steps: int) -> None:  # noqa: ARG002
            progress.begin(phase, steps)

        def step_complete(self, phase: str, step: int) -> bool:
            return progress.step(phase, step)

        def phase_finish(self, phase: str) -> None:
            progress.end(phase)

    return Monitor()
