"""Where the pictures of a set come from, as far as their names tell."""

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from scr_live.evaluation.images import ImageResult

FEWEST: Final = 2
MOST: Final = 20


def by_source(results: Sequence[ImageResult]) -> dict[str, list[ImageResult]]:
    """The pictures of a set by the part of their name before the first underscore: source, centre, sequence.

    Empty where names are not of the form SOURCE_rest, or there are fewer than 2 or more than 20 sources, or
    not twice as many pictures as sources: then that part is a number, not a source. A set's own word for its
    source comes with a letter first.
    """
    named = [(_source(result.entry.image.stem), result) for result in results]
    sources = {source for source, _ in named}
    if "" in sources or not FEWEST <= len(sources) <= MOST or len(results) < 2 * len(sources):
        return {}
    ordered = sorted(named, key=lambda pair: pair[0])  # stable: pictures stay in order
    return {source: [result for _, result in part] for source, part in groupby(ordered, lambda pair: pair[0])}


def _source(stem: str) -> str:
    source, underscore, rest = stem.partition("_")
    return source if underscore and rest and source[:1].isalpha() else ""
