"""One picture as a PNG, under a name that no other file has."""

import itertools
from datetime import datetime
from pathlib import Path

import cv2

from scr_live.errors import OutputUnwritableError
from scr_live.frames import Picture


def save_snapshot(picture: Picture, folder: Path, *, dated: bool = True) -> Path:
    """Write the picture as it was shown, at full resolution; never over another file.

    dated: its name says when it was made. OutputUnwritableError if the folder cannot be made or written;
    nothing half-written stays.
    """
    data = cv2.imencode(".png", cv2.cvtColor(picture.image, cv2.COLOR_RGB2BGR))[1].tobytes()
    time = f"-{datetime.now().astimezone():%Y%m%d-%H%M%S}" if dated else ""
    stem = f"scr-live{time}-frame{picture.frame.index:06d}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _write_new(folder, stem, data=data)
    except OSError as error:
        raise OutputUnwritableError(f"No snapshot in {folder}: {error.strerror or error}.") from error


def _write_new(folder: Path, stem: str, *, data: bytes) -> Path:
    for number in itertools.count(1):
        path = folder / (f"{stem}.png" if number == 1 else f"{stem}-{number}.png")
        try:
            file = path.open("xb")
        except FileExistsError:
            continue
        try:
            with file:
                file.write(data)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        return path
    raise AssertionError  # itertools.count never ends
