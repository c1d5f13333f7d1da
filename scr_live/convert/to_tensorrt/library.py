"""The two libraries, which share nearly all of their interface, and what they say while they work."""

from collections import deque
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Final

from scr_live.errors import EngineUnavailableError, UnknownEngineError

LIBRARIES: Final = ("tensorrt", "tensorrt-rtx")
TITLES: Final = {"tensorrt": "TensorRT", "tensorrt-rtx": "TensorRT-RTX"}

OLDEST_TENSORRT: Final = (10, 13)
"""From here on the warp plugin can be compiled into the engine."""

_EXTRAS: Final = {"tensorrt": "tensorrt", "tensorrt-rtx": "rtx"}
_ERROR, _INFO = 1, 3  # severities; 0 is an internal error, 2 a warning, 4 is verbose
_MOST_LINES = 20_000
_NO_DRIVER = "CUDA driver version is insufficient"
"""RTX engines are built without a GPU, and the library complains of that with every other error."""


def load_library(name: str) -> ModuleType:
    """Import `tensorrt` or `tensorrt_rtx`. EngineUnavailableError: it is missing or too old."""
    try:
        library = _imported(name)
    except (ImportError, OSError) as missing:  # OSError: a shared library that it needs
        raise EngineUnavailableError(
            f"The {name} engine needs NVIDIA's library {TITLES[name]}, which cannot be loaded here "
            f"({_first_line(missing)}). Install it with {install_command(name)}."
        ) from missing
    if name == "tensorrt" and version_of(library)[:2] < OLDEST_TENSORRT:
        wanted = ".".join(map(str, OLDEST_TENSORRT))
        raise EngineUnavailableError(
            f"TensorRT {wanted} or newer is needed, found {library.__version__}. Update it with "
            f"{install_command(name)}."
        )
    return library


def install_command(name: str) -> str:
    """What installs the library and all that belongs to it."""
    return f'`pip install "scr-live[{_EXTRAS[name]}]"`'


def version_of(library: ModuleType) -> tuple[int, ...]:
    """The version as numbers: (10, 13, 3, 9)."""
    return tuple(int(part) for part in str(library.__version__).split(".") if part.isdecimal())


class MessageLog:
    """What a library says, from information upwards; the oldest lines go when there are very many."""

    def __init__(self) -> None:
        self._lines: deque[tuple[int, str]] = deque(maxlen=_MOST_LINES)

    def add(self, severity: int, text: str) -> None:
        """Called by the library, from any thread."""
        if severity <= _INFO:
            self._lines.append((severity, text))

    @property
    def text(self) -> str:
        """All of it, one message a line, the severity in front."""
        names = ("INTERNAL ERROR", "ERROR", "WARNING", "INFO")
        return "".join(f"[{names[severity]}] {text}\n" for severity, text in list(self._lines))

    @property
    def complaint(self) -> str:
        """The first error as one line, without the remarks that a missing driver causes; empty: none."""
        return next(self._errors(), "")

    @property
    def latest_complaint(self) -> str:
        """The last error, likewise."""
        return next(self._errors(latest_first=True), "")

    def _errors(self, *, latest_first: bool = False) -> Iterator[str]:
        lines = list(self._lines)
        for severity, text in reversed(lines) if latest_first else lines:
            if severity <= _ERROR and (said := without_driver_remarks(text)):
                yield said


def without_driver_remarks(text: str) -> str:
    """The message as one line, without what is said of a missing driver."""
    return " ".join(" ".join(line for line in text.splitlines() if _NO_DRIVER not in line).split())


def as_logger(library: ModuleType, log: MessageLog) -> Any:  # noqa: ANN401 - a class of the vendor's
    """The log as the library wants it. It must live as long as what it was given to."""

    class Logger(library.ILogger):  # type: ignore[name-defined]
        def __init__(self) -> None:
            library.ILogger.__init__(self)

        def log(self, severity: Any, text: str) -> None:  # noqa: ANN401
            log.add(int(severity), text)

    return Logger()


def _imported(name: str) -> ModuleType:
    library: ModuleType
    match name:
        case "tensorrt":
            import tensorrt  # noqa: PLC0415 - an extra

            library = tensorrt
        case "tensorrt-rtx":
            import tensorrt_rtx  # noqa: PLC0415 - an extra

            library = tensorrt_rtx
        case _:
            raise UnknownEngineError(f"Unknown library {name!r}; expected one of: {', '.join(LIBRARIES)}.")
    return library


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
