"""What the peers share on their command lines."""

import argparse
import sys

from live_pictures import LiveVideo


def parser(description: str) -> argparse.ArgumentParser:
    """Options of every peer: the port and the video."""
    usual = LiveVideo()
    result = argparse.ArgumentParser(description=description)
    result.add_argument("--port", type=int, required=True)
    result.add_argument("--size", default=f"{usual.width}x{usual.height}")
    result.add_argument("--fps", type=int, default=usual.fps)
    result.add_argument("--gop", type=int, default=usual.gop)
    result.add_argument("--limit", type=int, help="pictures after which it falls silent")
    return result


def video(options: argparse.Namespace) -> LiveVideo:
    """Return the video that was asked for."""
    width, height = map(int, options.size.split("x"))
    return LiveVideo(width, height, options.fps, options.gop, options.limit)


def say_ready() -> None:
    """Tell the starter that the port is open."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
