"""`scr-live` and `python -m scr_live`."""

import signal
import sys


def main() -> int:
    """Run the command line. A Ctrl-C before there is anything to be ended well ends it without a word."""
    interrupt = signal.getsignal(signal.SIGINT)
    if interrupt is signal.default_int_handler:  # else it is ignored, as in the background of a shell
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from scr_live.cli import main as run  # noqa: PLC0415 - takes a third of a second

    signal.signal(signal.SIGINT, interrupt)
    return run()


if __name__ == "__main__":
    sys.exit(main())
