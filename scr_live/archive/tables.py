"""The results of all videos as Parquet tables: the same rows in the same order, whoever did the work."""

import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from pyarrow import parquet

from scr_live import __version__
from scr_live.archive.kept import TABLES, Kept
from scr_live.files import write_bytes
from scr_live.frames import Quality

TIMINGS: Final = ("infer_ms_p50", "infer_ms_p95", "seconds", "frames_per_s")
"""Columns of `videos` that two runs on the same videos do not have in common."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TEXT, _WHOLE, _NUMBER = pa.string(), pa.int64(), pa.float64()

VIDEOS: Final = pa.schema(
    {
        "id": _TEXT,
        "path": _TEXT,
        "size_bytes": _WHOLE,
        "modified_at": pa.timestamp("us", tz="UTC"),
        "error": _TEXT,  # null: it was judged from its first frame to its last
        "frames": _WHOLE,
        "fps": _NUMBER,
        "duration_s": _NUMBER,
        "width": _WHOLE,
        "height": _WHOLE,
        "judged_share": _NUMBER,
        **{f"{quality.name.lower()}_share": _NUMBER for quality in Quality},
        "sightings": _WHOLE,
        "polyp_frames": _WHOLE,
        "marked_frames": _WHOLE,
        **dict.fromkeys(TIMINGS, _NUMBER),
        "engine": _TEXT,
        "engine_versions": _TEXT,
        "model_sha256": _TEXT,
        "version": _TEXT,
        "recording": _TEXT,
        "notes": _TEXT,
    }
)
SIGHTINGS: Final = pa.schema(
    {
        "video": _TEXT,
        "sighting": _WHOLE,
        "first_s": _NUMBER,
        "last_s": _NUMBER,
        "frames": _WHOLE,
        "score": _NUMBER,
        "area_px": _NUMBER,
        "field_share": _NUMBER,
        "x": _WHOLE,
        "y": _WHOLE,
        "width": _WHOLE,
        "height": _WHOLE,
        "largest_area_px": _NUMBER,
        "largest_field_share": _NUMBER,
    }
)
SPANS: Final = pa.schema(
    {"video": _TEXT, "kind": _TEXT, "what": _TEXT, "first_s": _NUMBER, "last_s": _NUMBER}
)


def write_tables(folder: Path, all_kept: Sequence[Kept]) -> None:
    """Write videos, sightings and quality, each whole or not at all; rows are in the order of the videos."""
    rows = (
        (VIDEOS, map(_video_row, all_kept)),
        (SIGHTINGS, _rows_of("sightings", all_kept)),
        (SPANS, _rows_of("quality", all_kept)),
    )
    for name, (schema, found) in zip(TABLES, rows, strict=True):
        marked = schema.with_metadata({"scr-live": __version__})
        table = pa.Table.from_pylist([_clean(row) for row in found], schema=marked)
        data = io.BytesIO()
        parquet.write_table(table, data, compression="zstd")
        write_bytes(folder / name, data.getvalue())


def _video_row(kept: Kept) -> Mapping[str, object]:
    video = kept.video
    modified_at = _EPOCH + timedelta(microseconds=video.mtime_ns // 1000)
    own = {
        "id": video.id,
        "path": str(video.path),
        "size_bytes": video.size_bytes,
        "modified_at": modified_at,
    }
    return {**kept.facts["video"], **own}


def _rows_of(name: str, all_kept: Sequence[Kept]) -> Iterator[Mapping[str, object]]:
    for kept in all_kept:
        for row in kept.facts[name]:
            yield {"video": kept.video.id, **row}


def _clean(row: Mapping[str, object]) -> dict[str, Any]:
    """Names of files that are no UTF-8 get escapes."""
    return {
        name: value.encode("utf-8", errors="backslashreplace").decode() if isinstance(value, str) else value
        for name, value in row.items()
    }
