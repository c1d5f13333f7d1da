"""The folder of an export: made elsewhere, moved in whole at the end, nothing of others overwritten."""

import os
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from scr_live.card import file_sha256
from scr_live.errors import CardError, ModelError, OutputExistsError, OutputUnwritableError
from scr_live.file_lock import locked
from scr_live.files import PARTIAL, make_folder
from scr_live.manifest import MANIFEST, Manifest, read_manifest

CARD: Final = "card.json"

LOG_SUFFIX: Final = ".log"
"""Of the log beside an engine that was built."""


def earlier_files(folder: Path) -> frozenset[str]:
    """Names of the files that an earlier export left in the folder and that nobody has changed since.

    Card and manifest always: there is no hash of them. OutputExistsError: its manifest cannot be read, so it
    is not known what is whose.
    """
    try:
        manifest = read_manifest(folder)
    except CardError as error:
        raise OutputExistsError(
            f"{folder / MANIFEST} is no manifest of an export, so nothing beside it is overwritten. Choose "
            "another --out, or remove the file."
        ) from error
    return frozenset() if manifest is None else frozenset(_unchanged(folder, manifest))


def check_folder(folder: Path, names: Collection[str]) -> None:
    """Raise now, rather than after the work, if these files cannot be put into the folder.

    OutputUnwritableError: it is no folder, or may not be written. OutputExistsError: a file stands in the
    way that no export made, or that was changed since.
    """
    try:
        place = _nearest(folder)
        may_write = os.access(place, os.W_OK | os.X_OK)
        if not place.is_dir():
            raise OutputUnwritableError(
                f"Cannot export to {folder}: {place} is no folder. Choose another --out."
            )
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        if isinstance(error, OutputUnwritableError):
            raise
        raise OutputUnwritableError(f"Cannot export to {folder}: {error.strerror}.") from error
    if not may_write:
        raise OutputUnwritableError(
            f"Cannot export to {folder}: {place} may not be written. Choose another --out."
        )
    ours = earlier_files(folder)
    for name in (*names, CARD, MANIFEST):
        if os.path.lexists(folder / name) and name not in ours:
            raise OutputExistsError(
                f"{folder / name} exists, and no export made it, or it was changed since; it is left as it "
                "is. Choose another --out, or remove it."
            )


@contextmanager
def staged(folder: Path, names: Collection[str], waiting: Callable[[], None] | None = None) -> Iterator[Path]:
    """A new folder on the same disk, gone at the end with what is still in it, however that comes.

    One process at a time exports into a folder: `waiting` is called once if another one does. Then, and
    before the work, this raises as `check_folder` does.
    """
    while True:
        place = _place(folder)
        with locked(place.with_name(f"{place.name}.lock"), waiting):
            if _place(folder) != place:  # another export has made the folder: it is locked elsewhere now
                continue
            check_folder(folder, names)
            shutil.rmtree(place, ignore_errors=True)  # of an export that was killed
            try:
                place.mkdir()
            except OSError as error:
                raise OutputUnwritableError(f"Cannot export to {folder}: {error.strerror}.") from error
            try:
                yield place
            finally:
                shutil.rmtree(place, ignore_errors=True)
            return


def publish(stage: Path, folder: Path) -> None:
    """Move all files into the folder, the manifest last, and remove what an earlier export had besides.

    OutputExistsError: a file that no export made has come into the way meanwhile; it is left as it is.
    """
    made = {path.name for path in stage.iterdir()}
    check_folder(folder, made)
    stale = earlier_files(folder) - made
    make_folder(folder.parent)
    try:
        if not folder.exists():
            stage.rename(folder)
            return
        for name in sorted(made, key=lambda name: (name == MANIFEST, name)):
            (stage / name).replace(folder / name)
        for name in sorted(stale):
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise OutputUnwritableError(f"Cannot write to {folder}: {error.strerror}. Export again.") from error


def _unchanged(folder: Path, manifest: Manifest) -> Iterator[str]:
    yield from (CARD, MANIFEST)
    for artifact in manifest.artifacts:
        path = folder / artifact.file
        try:
            same = path.is_file() and file_sha256(path) == artifact.sha256
        except (OSError, ModelError):
            same = False
        if same:
            yield artifact.file
            if artifact.kind != "onnx":
                yield artifact.file + LOG_SUFFIX


def _place(folder: Path) -> Path:
    """Where the work is done: within the folder, or beside the place that it will have."""
    real = Path(os.path.realpath(folder))
    return _nearest(real) / f".{real.name}{PARTIAL}"


def _nearest(folder: Path) -> Path:
    """The folder itself, or the first above it that exists."""
    return next(place for place in (folder, *folder.absolute().parents) if os.path.lexists(place))
