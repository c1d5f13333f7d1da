"""What `scr-live evaluate-video` and `scr-live tune` do, once their options are read."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scr_live.engines.opening import (
    check_names,
    check_threads,
    check_threshold,
    open_engine,
    threshold_for,
)
from scr_live.errors import OptionError
from scr_live.evaluation.video.report import VideoReport, clip_score
from scr_live.evaluation.video.running import Progress, Watch, check_clip, run_clip
from scr_live.evaluation.video.truth import find_truth
from scr_live.files import check_results, write_json
from scr_live.shipped import DEFAULT_MODEL, model_for


@dataclass(frozen=True, slots=True)
class VideoConfig:
    """Everything that the two commands can be told."""

    clips: tuple[tuple[str, str], ...]
    """Each with what names its truth."""
    model: str = DEFAULT_MODEL
    engine: str = "auto"
    precision: str = "auto"
    threads: int = 0
    threshold: float | None = None
    follows: bool = True
    is_steady: bool = True
    json: Path | None = None


def evaluate_videos(
    config: VideoConfig, *, progress: Progress | None = None, tell: Callable[[str], None] | None = None
) -> VideoReport:
    """Measure the model on each clip, and write the JSON.

    tell: hears of what takes long before the first frame, such as the build of a GPU engine.
    """
    _check(config)
    truths = [find_truth(truth, clip) for clip, truth in config.clips]
    for (clip, _), truth in zip(config.clips, truths, strict=True):
        check_clip(clip, truth)
    model = model_for(config.engine, config.model)
    threshold = threshold_for(config.threshold, model)
    scores = []
    with open_engine(
        config.engine, model, precision=config.precision, threads=config.threads, progress=tell
    ) as engine:
        for (clip, name), truth in zip(config.clips, truths, strict=True):
            watch = Watch(engine, threshold=threshold, follows=config.follows, is_steady=config.is_steady)
            scores.append(clip_score(name, run_clip(clip, truth, watch, progress)))
        info = engine.info
    report = VideoReport(
        model=config.model,
        model_sha256=(info.model_sha256 or model.sha256) if model else "",
        engine=info,
        threshold=threshold,
        follows=config.follows,
        is_steady=config.is_steady,
        clips=tuple(scores),
    )
    if config.json is not None:
        write_json(config.json, report.as_dict())
    return report


def split_clip(text: str) -> tuple[str, str]:
    """Read CLIP=TRUTH; the clip may hold an equals sign, the truth may not."""
    clip, _, truth = text.rpartition("=")
    if not clip or not truth:
        raise OptionError(
            "--clip should be written CLIP=TRUTH, where TRUTH is a JSON file of boxes, none or phantom; "
            f"found {text!r}."
        )
    return clip, truth


def _check(config: VideoConfig) -> None:
    check_names(config.engine, config.precision)
    check_threads(config.threads)
    check_threshold(config.threshold)
    if not config.clips:
        raise OptionError("No clip was given. Name at least one with --clip CLIP=TRUTH.")
    check_results({"--json": config.json})
