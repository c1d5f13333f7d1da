"""An RTSP server: numbered pictures as H.264 in RTP, over UDP or within the RTSP connection.

python tests/peers/rtsp_server.py --port 8554 [--size 128x64] [--fps 25] [--gop 10] [--limit N]

The address is rtsp://127.0.0.1:PORT/ with any path; the client chooses the transport.
"""

import contextlib
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator

import av
from live_pictures import TIME_BASE, LiveVideo, add_live_stream, live_packets
from peer_options import parser, say_ready, video

SDP = (
    b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=scope\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:track\r\n"
)
LONGEST_UNIT = 1400
"""Bytes of a NAL unit that fit into one RTP packet; a longer one travels in fragments (FU-A)."""

Send = Callable[[bytes], None]


class Client:
    """One RTSP connection: requests are answered in the caller's thread, media is sent from another."""

    def __init__(self, connection: socket.socket, live: LiveVideo) -> None:
        self._connection = connection
        self._live = live
        self._writing = threading.Lock()
        self._gone = threading.Event()
        self._send: Send | None = None
        self._udp: list[socket.socket] = []

    def serve(self) -> None:
        """Answer until the client is gone."""
        with self._connection, contextlib.suppress(OSError), self._connection.makefile("rb") as requests:
            while first := requests.read(1):
                if first == b"$":  # its RTCP within the connection
                    _, length = struct.unpack(">BH", requests.read(3))
                    requests.read(length)
                elif line := requests.readline().strip():
                    headers = dict(iter(lambda: _header(requests.readline()), None))
                    self._answer((first + line).split()[0].decode(), headers)
        self._gone.set()
        for port in self._udp:
            port.close()

    def _answer(self, verb: str, headers: dict[str, str]) -> None:
        lines, body = ["RTSP/1.0 200 OK", f"CSeq: {headers.get('cseq', '0')}", "Session: 7"], b""
        match verb:
            case "OPTIONS":
                lines.append("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER")
            case "DESCRIBE":
                body = SDP
                lines += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
            case "SETUP":
                lines.append(f"Transport: {self._set_up(headers['transport'])}")
        self._write("\r\n".join([*lines, "", ""]).encode() + body)
        if verb == "PLAY":
            threading.Thread(target=self._play, daemon=True).start()

    def _set_up(self, transport: str) -> str:
        ports = re.search(r"client_port=(\d+)-(\d+)", transport)
        if ports is None:
            self._send = lambda packet: self._write(struct.pack(">cBH", b"$", 0, len(packet)) + packet)
            return "RTP/AVP/TCP;unicast;interleaved=0-1"
        for port in map(int, ports.groups()):
            opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            opened.bind(("127.0.0.1", 0))
            opened.connect(("127.0.0.1", port))
            self._udp.append(opened)
        own = "-".join(str(opened.getsockname()[1]) for opened in self._udp)
        self._send = self._send_datagram
        return f"RTP/AVP;unicast;client_port={ports[1]}-{ports[2]};server_port={own}"

    def _send_datagram(self, packet: bytes) -> None:
        with contextlib.suppress(ConnectionRefusedError):  # an answer to the packet before: nobody listened
            self._udp[0].send(packet)

    def _write(self, data: bytes) -> None:
        with self._writing:
            self._connection.sendall(data)

    def _play(self) -> None:
        assert self._send is not None
        with contextlib.suppress(OSError):
            for sequence, (marker, time, payload) in enumerate(_payloads(self._live)):
                if self._gone.is_set():
                    return
                header = struct.pack(">BBHII", 0x80, 96 | marker << 7, sequence & 0xFFFF, time, 0x5C0BE)
                self._send(header + payload)


def _header(line: bytes) -> tuple[str, str] | None:
    name, mark, value = line.decode().partition(":")
    return (name.strip().lower(), value.strip()) if mark else None


def _payloads(live: LiveVideo) -> Iterator[tuple[bool, int, bytes]]:
    """Yield (ends its picture, RTP time, payload) for every RTP packet."""
    container = av.open(_Nowhere(), "w", format="h264")
    stream = add_live_stream(container, live)
    for packet in live_packets(stream, live):
        time = int(packet.pts * packet.time_base / TIME_BASE) & 0xFFFFFFFF
        units = [unit for unit in re.split(rb"\x00?\x00\x00\x01", bytes(packet)) if unit]
        for unit in units:
            pieces = list(_pieces(unit))
            for piece in pieces:
                yield unit is units[-1] and piece is pieces[-1], time, piece


def _pieces(unit: bytes) -> Iterator[bytes]:
    if len(unit) <= LONGEST_UNIT:
        yield unit
        return
    indicator, kind, rest = unit[0] & 0xE0 | 28, unit[0] & 0x1F, unit[1:]
    for start in range(0, len(rest), LONGEST_UNIT):
        begins, ends = start == 0, start + LONGEST_UNIT >= len(rest)
        yield bytes([indicator, begins << 7 | ends << 6 | kind]) + rest[start : start + LONGEST_UNIT]


class _Nowhere:
    """PyAV wants a container for an encoder; this one's bytes are not wanted."""

    def write(self, data: bytes) -> int:
        return len(data)


def main() -> None:
    """Serve for ever, each client in a thread."""
    chosen = parser(__doc__).parse_args()
    with socket.create_server(("127.0.0.1", chosen.port)) as listener:
        say_ready()
        while True:
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client = Client(connection, video(chosen))
            threading.Thread(target=client.serve, daemon=True).start()


if __name__ == "__main__":
    main()
