"""An MPEG-TS sender over UDP: numbered pictures at the pace of the clock, whether anybody listens or not.

python tests/peers/ts_sender.py --port 5000 [--size 128x64] [--fps 25] [--gop 10] [--limit N]
"""

import contextlib
import socket

import av
from live_pictures import add_live_stream, live_packets
from peer_options import parser, say_ready, video

DATAGRAM = 7 * 188


class DatagramFile:
    """What PyAV writes to."""

    def __init__(self, sender: socket.socket) -> None:
        self._sender = sender

    def write(self, data: bytes) -> int:
        for start in range(0, len(data), DATAGRAM):
            with contextlib.suppress(ConnectionRefusedError):  # nobody listens
                self._sender.send(data[start : start + DATAGRAM])
        return len(data)


def main() -> None:
    """Send for ever, or to the limit."""
    chosen = parser(__doc__).parse_args()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(("127.0.0.1", chosen.port))
        container = av.open(
            DatagramFile(sender), "w", format="mpegts", options={"flush_packets": "1"}, buffer_size=DATAGRAM
        )
        stream = add_live_stream(container, video(chosen))
        say_ready()
        for packet in live_packets(stream, video(chosen)):
            container.mux(packet)


if __name__ == "__main__":
    main()
