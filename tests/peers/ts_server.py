"""An MPEG-TS server over TCP: every client gets numbered pictures at the pace of the clock.

    python tests/peers/ts_server.py --port 5000 [--http] [--size 128x64] [--fps 25] [--gop 10] [--limit N]

It says "ready" once its port is open. A client that takes nothing blocks its own sender: pictures that are
late by then are left out, as a camera would.
"""

import contextlib
import socket
import threading

import av
from live_pictures import LiveVideo, add_live_stream, live_packets
from peer_options import parser, say_ready, video

HTTP = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\nConnection: close\r\n\r\n"


class SocketFile:
    """What PyAV writes to."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def write(self, data: bytes) -> int:
        self._connection.sendall(data)
        return len(data)


def serve(connection: socket.socket, live: LiveVideo, *, http: bool) -> None:
    """Send until the client is gone."""
    with connection, contextlib.suppress(OSError, av.error.FFmpegError):
        if http:
            connection.recv(4096)
            connection.sendall(HTTP)
        container = av.open(SocketFile(connection), "w", format="mpegts", options={"flush_packets": "1"})
        stream = add_live_stream(container, live)
        for packet in live_packets(stream, live):
            container.mux(packet)
        while connection.recv(4096):  # silent, not gone
            pass


def main() -> None:
    """Serve for ever, each client in a thread."""
    options = parser(__doc__)
    options.add_argument("--http", action="store_true", help="answer an HTTP request first")
    chosen = options.parse_args()
    with socket.create_server(("127.0.0.1", chosen.port)) as listener:
        say_ready()
        while True:
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(
                target=serve, args=(connection, video(chosen)), kwargs={"http": chosen.http}, daemon=True
            ).start()


if __name__ == "__main__":
    main()
