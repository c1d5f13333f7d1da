"""What the command line prints: progress, summaries, errors."""

from scr_live.console.archive import ArchiveView, tell_archive
from scr_live.console.bench import BenchView, tell_bench
from scr_live.console.bench_paths import tell_paths
from scr_live.console.evaluation import tell_evaluation
from scr_live.console.export import ExportView, tell_export
from scr_live.console.json_lines import JsonView
from scr_live.console.output import CountView, print_any_name, tell_checks, tell_error
from scr_live.console.repair import tell_repaired
from scr_live.console.report import tell_report
from scr_live.console.run import RunView, tell_outcome
from scr_live.console.soak import SoakView, tell_soak
from scr_live.console.training import TrainView
from scr_live.console.video import tell_video

__all__ = [
    "ArchiveView",
    "BenchView",
    "CountView",
    "ExportView",
    "JsonView",
    "RunView",
    "SoakView",
    "TrainView",
    "print_any_name",
    "tell_archive",
    "tell_bench",
    "tell_checks",
    "tell_error",
    "tell_evaluation",
    "tell_export",
    "tell_outcome",
    "tell_paths",
    "tell_repaired",
    "tell_report",
    "tell_soak",
    "tell_video",
]
