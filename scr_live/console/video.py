"""What `evaluate-video` and `tune` print."""

from pathlib import Path
from typing import TYPE_CHECKING

from scr_live.console.evaluation import tell_table
from scr_live.console.output import counted, say

if TYPE_CHECKING:
    from scr_live.evaluation.video.report import ClipScore, VideoReport


def tell_video(report: "VideoReport", *, with_clips: bool, json: Path | None, plot: Path | None) -> None:
    """Print the rules over all clips, and what was written; with_clips: also frames and polyps of each."""
    from scr_live.evaluation.video.alarms import DEFINITION  # noqa: PLC0415 - as is the next
    from scr_live.evaluation.video.tables import rule_rows  # noqa: PLC0415 - keeps --help quick

    say(report.title, style="bold")
    if report.engine.reason:
        say(f"engine: {report.engine.reason}")
    seconds = sum(clip.length_s for clip in report.clips)
    say(f"{counted(len(report.clips), 'clip')}, {seconds:.1f} s")
    say("")
    tell_table(rule_rows(report.rules))
    for clip in report.clips if with_clips else ():
        _tell_clip(clip)
    say("")
    say(DEFINITION)
    written = {"figures": json, "plot": plot}
    if any(written.values()):
        say("")
    for what, path in written.items():
        if path is not None:
            say(f"{what:<9} {path}")


def _tell_clip(clip: "ClipScore") -> None:
    from scr_live.evaluation.video.tables import FRAMES_NOTE, frame_rows, polyp_rows  # noqa: PLC0415 - as above

    first = clip.scores[0]
    say("")
    say("By frame", style="bold")
    tell_table(frame_rows(clip.scores))
    say(FRAMES_NOTE)
    if first.polyps:
        say("")
        say("By polyp, before any rule", style="bold")
        tell_table(polyp_rows(first))
    if first.mean_dice is not None:
        say("")
        say(f"Mean Dice of the frames with a polyp and a known mask: {first.mean_dice:.3f}")
