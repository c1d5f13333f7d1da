"""The command line: parse, build, call; a module a command. How things are told is in scr_live.console."""

import sys
from typing import Annotated

import typer

import scr_live
from scr_live import console
from scr_live.cli.ablate import ablate
from scr_live.cli.archive import archive
from scr_live.cli.bench import bench
from scr_live.cli.doctor import doctor
from scr_live.cli.evaluate import evaluate
from scr_live.cli.evaluate_video import evaluate_video, tune
from scr_live.cli.export import export
from scr_live.cli.repair import repair
from scr_live.cli.report import report
from scr_live.cli.run import run
from scr_live.cli.serving import with_address
from scr_live.cli.soak import soak
from scr_live.cli.train import train
from scr_live.errors import ScrLiveError

app = typer.Typer(
    name="scr-live",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    run,
    archive,
    repair,
    report,
    evaluate,
    evaluate_video,
    tune,
    export,
    train,
    ablate,
    bench,
    doctor,
    soak,
):
    app.command()(command)


def main() -> int:
    """Run the command line. A user's mistake ends in one paragraph and exit code 1 or 2."""
    console.print_any_name()
    try:
        app(with_address(sys.argv[1:]))
    except ScrLiveError as error:
        console.tell_error(error)
        return error.exit_code
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


@app.callback(invoke_without_command=True)
def version_option(
    *, version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False
) -> None:
    """Mark polyps on colonoscopy video in real time with SCR-Net.

    Research software, not a medical device.
    """
    if version:
        typer.echo(f"scr-live {scr_live.__version__}")
        raise typer.Exit
