"""What a video file consists of, as far as can be told from its outermost boxes: whole, cut off, no video."""

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Literal, TypeAlias

Container: TypeAlias = Literal["mov", "matroska"]
"""As FFmpeg names its demuxers."""

_EBML: Final = b"\x1a\x45\xdf\xa3"
_SEGMENT: Final = b"\x18\x53\x80\x67"
_BOXES: Final = frozenset(
    b"ftyp free skip wide moov moof mdat sidx styp mfra uuid meta udta prft emsg pdin pnot".split()
)
_HEADS: Final = (b"ftyp", b"free", b"skip", b"wide", b"moov", b"mdat")


@dataclass(frozen=True, slots=True)
class Structure:
    """What was found, without decoding anything."""

    container: Container | None
    """None: neither MP4 (MOV) nor Matroska."""
    size: int
    """Of the file."""
    readable: int
    """Bytes from the start that are safe to read: the rest is a fragment that is not whole, or no video."""
    is_whole: bool
    """An ordinary file with its index, which ends where it should."""
    has_index: bool
    """Whether pictures can be found at all."""


def structure_of(path: Path) -> Structure:
    """Look at a file's outermost boxes. OSError: it cannot be read."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        head = file.read(12)
        if head.startswith(_EBML):
            return _matroska(file, size)
        if head[4:8] in _HEADS:
            return _mp4(file, size)
    return Structure(None, size, 0, is_whole=False, has_index=False)


class Beginning(io.RawIOBase):
    """The first `length` bytes of a file, as if there were no more. Leaving the `with` closes it."""

    def __init__(self, path: Path, length: int) -> None:
        super().__init__()
        self._file = path.open("rb")
        self._length = length

    def readable(self) -> bool:
        """Say yes to the demuxer."""
        return True

    def seekable(self) -> bool:
        """Say yes to the demuxer."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Read up to `size` bytes; none: the end."""
        left = max(0, self._length - self._file.tell())
        return self._file.read(left if size < 0 else min(size, left))

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go anywhere."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._file.tell(), os.SEEK_END: self._length}[whence]
        return self._file.seek(max(0, base + offset))

    def tell(self) -> int:
        """Return where the next byte comes from."""
        return self._file.tell()

    def close(self) -> None:
        """Let go of the file; twice is once."""
        self._file.close()
        super().close()


def _mp4(file: BinaryIO, size: int) -> Structure:
    """Walk the boxes up to the first that is not whole, or is none.

    A fragment is a moof and the mdat behind it: FFmpeg opens no file that ends within a moof.
    """
    kinds: list[bytes] = []
    position = safe = 0
    while position < size:
        kind, length = _box(file, position, size)
        if kind not in _BOXES or position + length > size:
            break
        kinds.append(kind)
        position += length
        if kind != b"moof":
            safe = position
    has_index = b"moov" in kinds
    is_whole = position == size and has_index and b"moof" not in kinds
    # Without fragments the index in front is good for whatever is left of the pictures.
    readable = safe if b"moof" in kinds or not has_index else size
    return Structure("mov", size, readable, is_whole=is_whole, has_index=has_index)


def _box(file: BinaryIO, position: int, size: int) -> tuple[bytes, int]:
    """Return kind and length of the box at `position`; an empty kind: there is none."""
    file.seek(position)
    head = file.read(16)
    length, kind = int.from_bytes(head[:4]), head[4:8]
    if length == 1:
        length = int.from_bytes(head[8:16])
    elif length == 0:  # to the end of the file: no muxer of ours writes it, a hole on the disk looks like it
        length = size - position
    return (kind, length) if length >= 8 else (b"", 0)  # noqa: PLR2004 - the smallest box


def _matroska(file: BinaryIO, size: int) -> Structure:
    """Say whether the segment knows its length, which is written when the file is closed."""
    position = _element_end(file, 0) or size
    file.seek(position)
    begins = file.read(4) == _SEGMENT
    end = _element_end(file, position)
    return Structure("matroska", size, size, is_whole=begins and end == size, has_index=begins)


def _element_end(file: BinaryIO, position: int) -> int | None:
    """Where the EBML element at `position`, whose name has four bytes, ends; None: it does not say."""
    file.seek(position + 4)
    head = file.read(8)
    if not head or head[0] == 0:
        return None
    width = 9 - head[0].bit_length()
    value = int.from_bytes(head[:width]) & ((1 << 7 * width) - 1)
    is_unknown = value == (1 << 7 * width) - 1
    return None if is_unknown else position + 4 + width + value
