"""What `scr-live evaluate-video` and `scr-live tune` do, once their options are read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from scr_live.errors import OptionError
from scr_live.evaluation.judged_model import ModelOptions, opened
from scr_live.evaluation.video.plot import check_plot, write_plot
from scr_live.evaluation.video.report import VideoReport, clip_score
from scr_live.evaluation.video.running import Progress, Watch, check_clip, run_clip
from scr_live.evaluation.video.truth.opening import find_truth
from scr_live.files import check_results, write_json
from scr_live.sources.opening import kind_of


@dataclass(frozen=True, slots=True)
class VideoConfig:
    """Everything that the two commands can be told."""

    clips: tuple[tuple[str, str], ...]
    """Each with what names its truth."""
    judged: ModelOptions = field(default_factory=ModelOptions)
    follows: bool = True
    is_steady: bool = True
    fps: float | None = None
    """Of folders of pictures; None: what the truth says, or 25."""
    json: Path | None = None
    plot: Path | None = None
    """Of a single clip."""


def evaluate_videos(
    config: VideoConfig, *, progress: Progress | None = None, tell: Callable[[str], None] | None = None
) -> VideoReport:
    """Measure the model on each clip, and write the JSON and the plot.

    tell: hears of what takes long before the first frame, such as the build of a GPU engine.
    """
    _check(config)
    truths = [find_truth(truth, clip) for clip, truth in config.clips]
    for (clip, _), truth in zip(config.clips, truths, strict=True):
        check_clip(clip, truth, config.fps)
    scores = []
    with opened(config.judged, tell) as model:
        for (clip, name), truth in zip(config.clips, truths, strict=True):
            watch = Watch(
                model.engine, threshold=model.threshold, follows=config.follows, is_steady=config.is_steady
            )
            run = run_clip(clip, truth, watch, fps=config.fps, progress=progress)
            scores.append(clip_score(name, run))
        info = model.engine.info
    report = VideoReport(
        model=config.judged.model,
        model_sha256=model.sha256,
        engine=info,
        threshold=model.threshold,
        follows=config.follows,
        is_steady=config.is_steady,
        clips=tuple(scores),
    )
    if config.json is not None:
        write_json(config.json, report.as_dict())
    if config.plot is not None:
        write_plot(config.plot, run, title=report.title, threshold=model.threshold)
    return report


def split_clip(text: str) -> tuple[str, str]:
    """Read CLIP=TRUTH; the clip may hold an equals sign, the truth may not."""
    clip, _, truth = text.rpartition("=")
    if not clip or not truth:
        raise OptionError(
            "--clip should be written CLIP=TRUTH, where TRUTH is a JSON file of boxes or masks, none or "
            f"phantom; found {text!r}."
        )
    return clip, truth


def _check(config: VideoConfig) -> None:
    config.judged.check()
    if not config.clips:
        raise OptionError("No clip was given. Name at least one with --clip CLIP=TRUTH.")
    clips = [clip for clip, _ in config.clips]
    if config.fps is not None and not any(kind_of(clip) == "images" for clip in clips):
        raise OptionError(f"--fps is for folders of pictures; found {', '.join(clips)}. Leave it out.")
    if config.plot is not None:
        if len(config.clips) > 1:
            raise OptionError(f"--plot draws one clip; found {len(config.clips)}.")
        check_plot(config.plot)
    check_results({"--json": config.json, "--plot": config.plot})
