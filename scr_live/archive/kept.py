"""What an archive keeps in its folder while it goes on: settings, and a file of results for each video."""

import contextlib
import json
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scr_live import __version__
from scr_live.archive.config import Settings
from scr_live.archive.fingerprint import fingerprint
from scr_live.archive.judging import Facts
from scr_live.archive.videos import Video
from scr_live.errors import DataError, OutputExistsError, OutputUnwritableError
from scr_live.file_lock import locked
from scr_live.files import PARTIAL, make_folder, write_json
from scr_live.machine import machine_facts

SCHEMA: Final = 1
TABLES: Final = ("videos.parquet", "sightings.parquet", "quality.parquet")
SUMMARY: Final = "summary.html"

_SETTINGS: Final = "archive.json"
_LOCK: Final = "archive.lock"
_RESULTS: Final = "results"
_RECORDINGS: Final = "recordings"
_UNFINISHED: Final = ".unfinished.mp4"

_AT_THE_START: Final = frozenset({_LOCK, _SETTINGS + PARTIAL})
"""What a kill before the settings were written leaves."""
_OWN: Final = _AT_THE_START | {_SETTINGS, _RESULTS, _RECORDINGS}
_OWN_FILES: Final = frozenset(name + end for name in (*TABLES, SUMMARY) for end in ("", PARTIAL))


@dataclass(frozen=True, slots=True)
class Kept:
    """The results of one video, whole, as they lie in the folder."""

    video: Video
    attempts: int
    facts: Facts

    @property
    def error(self) -> str | None:
        """Why there are none; None: there are."""
        error = self.facts["video"].get("error")
        return None if error is None else str(error)


class OutFolder:
    """The folder of an archive; one process at a time has it, see `held`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._results = path / _RESULTS
        self._recordings = path / _RECORDINGS

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Make the folder, and keep others out. DataError: another archive works in it."""
        make_folder(self.path)

        def taken() -> None:
            raise DataError(
                f"Another scr-live archive works in {self.path}. Wait for its end, or choose another --out."
            )

        with locked(self.path / _LOCK, taken):
            yield

    def begin(self, settings: Settings, *, model_sha256: str, threshold: float, force: bool) -> None:
        """Note the settings, or find that they are those of the results that are there.

        OutputExistsError: they are others, or damaged; or there are files that no archive has made. force:
        what earlier runs made here is removed.
        """
        wanted = {
            "version": __version__,
            **settings.as_dict(),
            "threshold": threshold,
            "model_sha256": model_sha256,
        }
        known = self._known_settings(force=force)
        if known is not None and not force:
            self._check_same(known, wanted)
        if known is None or force:
            if force and known is not None:
                self._clear()
            write_json(
                self.path / _SETTINGS, {"schema": SCHEMA, "settings": wanted, "machine": machine_facts()}
            )
        make_folder(self._results)
        if settings.record:
            make_folder(self._recordings)
        self._sweep()

    def read(self, video: Video) -> Kept | None:
        """The results of a video; None: there are none, or the file was another one then.

        A file is the same if it has the id and the size, and either the time, or, as a copy may not, the
        fingerprint. Where it lies does not matter: an archive that was moved keeps its results.
        """
        try:
            facts = json.loads(self._result_path(video).read_text(encoding="utf-8"))
            is_whole = facts["schema"] == SCHEMA and isinstance(facts["results"]["video"], dict)
            is_same = (facts["id"], facts["size_bytes"]) == (video.id, video.size_bytes) and (
                facts["mtime_ns"] == video.mtime_ns or facts.get("fingerprint") == fingerprint(video.path)
            )
            return Kept(video, facts["attempts"], facts["results"]) if is_whole and is_same else None
        except (OSError, ValueError, KeyError, TypeError):  # damaged: it is done once more
            return None

    def write(self, kept: Kept) -> None:
        """Keep the results of a video, whole or not at all; its recording gets its name before."""
        video = kept.video
        unfinished, recording = self.recording_in_work(video), self._recordings / f"{video.key}.mp4"
        try:
            if kept.error is None and unfinished.exists():
                unfinished.replace(recording)
                kept.facts["video"]["recording"] = recording.relative_to(self.path).as_posix()
            else:
                unfinished.unlink(missing_ok=True)
        except OSError as error:
            raise OutputUnwritableError(f"Cannot write {recording}: {error.strerror}.") from error
        write_json(
            self._result_path(video),
            {
                "schema": SCHEMA,
                "id": video.id,
                "size_bytes": video.size_bytes,
                "mtime_ns": video.mtime_ns,
                "fingerprint": _fingerprint_of(video),
                "attempts": kept.attempts,
                "results": kept.facts,
            },
        )

    def recording_in_work(self, video: Video) -> Path:
        """Where a video is recorded to while nobody knows yet whether it will be whole."""
        return (self._recordings / f"{video.key}{_UNFINISHED}").absolute()

    def _result_path(self, video: Video) -> Path:
        return self._results / f"{video.key}.json"

    def _known_settings(self, *, force: bool) -> Mapping[str, object] | None:
        """Those of the results that are there; None: there are none. force: damaged ones are empty."""
        path = self.path / _SETTINGS
        try:
            known = json.loads(path.read_text(encoding="utf-8"))["settings"]
            return dict(known)
        except FileNotFoundError:
            self._check_own(_AT_THE_START)
            return None
        except OSError as error:
            raise OutputUnwritableError(
                f"Cannot read {path}: {error.strerror}. Make it readable, or choose another --out."
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            self._check_own(_OWN | _OWN_FILES)  # else it may be another program's file of that name
            if force:
                return {}
            raise OutputExistsError(
                f"{path} should hold the settings of the results beside it, and is damaged. Do everything "
                "anew with --force, or choose another --out."
            ) from error

    def _check_own(self, own: Collection[str]) -> None:
        """Raise OutputExistsError if there is anything else, and name it."""
        try:
            others = sorted(entry.name for entry in os.scandir(self.path) if entry.name not in own)
        except OSError as error:
            raise OutputUnwritableError(f"Cannot look into {self.path}: {error.strerror}.") from error
        if others:
            raise OutputExistsError(
                f"{self.path} holds files that no scr-live archive has made ({others[0]}). Choose a new or "
                "empty folder for --out."
            )

    def _check_same(self, known: Mapping[str, object], wanted: Mapping[str, object]) -> None:
        other = [name for name in wanted if known.get(name) != wanted[name]]
        if other:
            told = ", ".join(f"{name} was {known.get(name)} and is {wanted[name]}" for name in other)
            raise OutputExistsError(
                f"The results in {self.path} were made with other settings: {told}. Use the same ones, "
                "choose another --out, or do everything anew with --force."
            )

    def _clear(self) -> None:
        """Remove what earlier runs made; the settings are replaced after, so that this can be broken off."""
        for name in (*TABLES, SUMMARY):
            with _told_of(self.path / name):
                (self.path / name).unlink(missing_ok=True)
        for folder in (self._results, self._recordings):
            with _told_of(folder):
                if folder.exists():
                    shutil.rmtree(folder)

    def _sweep(self) -> None:
        """Remove the recordings of videos that were broken off."""
        if self._recordings.is_dir():
            for path in self._recordings.iterdir():
                if _UNFINISHED.removesuffix(".mp4") in path.name:
                    with contextlib.suppress(OSError):
                        path.unlink()


def _fingerprint_of(video: Video) -> str | None:
    """None: it cannot be read, or is not what it was when it was looked at, before it was judged."""
    try:
        found, status = fingerprint(video.path), video.path.stat()
    except OSError:
        return None
    is_same = (status.st_size, status.st_mtime_ns) == (video.size_bytes, video.mtime_ns)
    return found if is_same else None


@contextlib.contextmanager
def _told_of(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputUnwritableError(f"Cannot remove {path}: {error.strerror}.") from error
