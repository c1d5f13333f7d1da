"""A video stream by its address: RTSP, HTTP(S), UDP, SRT or TCP."""

from time import monotonic
from urllib.parse import urlsplit, urlunsplit

import av
import av.error
from av.container import InputContainer

from scr_live.errors import SourceError, SourceNotFoundError, SourceTimeoutError, SourceUnreadableError
from scr_live.sources.hardware import accelerator, decoder_for
from scr_live.sources.live import LiveSource, LiveTarget
from scr_live.sources.options import SourceOptions
from scr_live.sources.tap import PacketTap

PROTOCOLS = "rtp,srtp,udp,tcp,tls,http,https,httpproxy,srt,crypto,data"
"""What an address, or a playlist behind it, may lead to: never a file of this machine."""


RATE_PICTURES = 5
"""Pictures that FFmpeg looks at for the frame rate before it hands out the first; it would take twenty."""

UDP_FIFO_PACKETS = 8192
"""What FFmpeg may hold of a datagram stream, in packets of 188 bytes: for bursts, as it is read at once."""

REORDER_S = 0.1
"""How long RTP over UDP waits for a packet that was overtaken."""


def open_stream(url: str, options: SourceOptions, *, tap: PacketTap | None = None) -> LiveSource:
    """Connect and wait for the first picture; a SourceError within the two time-outs together."""
    scheme, mark, rest = url.partition("://")
    url = scheme.lower() + mark + rest  # FFmpeg knows its protocols in small letters alone
    name = redact(url)
    device = decoder_for(options.decoder)

    def connect(read_timeout_s: float) -> InputContainer:
        return _connect(url, name, options, read_timeout_s=read_timeout_s, device=device)

    return LiveSource(
        LiveTarget(
            kind="stream",
            name=name,
            open_container=connect,
            open_timeout_s=options.open_timeout_s,
            read_timeout_s=options.read_timeout_s,
            undecoded_timeout_s=options.undecoded_timeout_s,
            tap=tap,
            device=device,
        )
    )


def redact(url: str) -> str:
    """Return the address without user, password and query: what may be shown and recorded."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise SourceUnreadableError(
            f"Expected an address such as rtsp://host:554/path, found one that is malformed ({error})."
        ) from None  # the traceback would show the address
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def settings_for(url: str, options: SourceOptions) -> dict[str, str]:
    """Translate an address and options into FFmpeg's words. What the address itself asks for comes first."""
    settings = {"protocol_whitelist": PROTOCOLS, "fpsprobesize": str(RATE_PICTURES)}
    match urlsplit(url).scheme:
        case "rtsp" | "rtsps":
            settings |= {"rtsp_transport": options.transport, "max_delay": str(round(REORDER_S * 1e6))}
        case "udp":
            # Without overrun_nonfatal a burst that does not fit would end the stream.
            settings |= {"fifo_size": str(UDP_FIFO_PACKETS), "overrun_nonfatal": "1"}
    if options.connect_timeout_s is not None:
        # It goes on to count for every read: it must not be what ends a silence that may last for longer.
        patience_s = max(options.connect_timeout_s, options.read_timeout_s)
        settings["timeout"] = str(round(patience_s * 1e6))
    return settings


def _connect(
    url: str, name: str, options: SourceOptions, *, read_timeout_s: float, device: str | None
) -> InputContainer:
    settings = settings_for(url, options)
    hwaccel = accelerator(device)
    # FFmpeg starts this clock twice, for connecting and for looking at what comes.
    patience_s = options.open_timeout_s / 2
    least_s = min(patience_s, float(settings.get("timeout", "inf")) / 1e6)
    began_at = monotonic()
    try:
        return av.open(url, options=settings, timeout=(patience_s, read_timeout_s), hwaccel=hwaccel)
    except (av.error.FFmpegError, ValueError) as error:
        # An interrupted RTSP handshake calls itself invalid data: the clock knows better.
        timed_out = monotonic() - began_at >= least_s
        if timed_out or isinstance(error, av.error.ExitError | TimeoutError):
            raise _silence(name, least_s) from None
        raise _refusal(name, error) from None  # FFmpeg's text has the address, password and all


def _silence(name: str, patience_s: float) -> SourceTimeoutError:
    return SourceTimeoutError(
        f"Expected a video stream at {name}, but nothing usable came within {patience_s:g} s. Check the "
        "address, that the sender is running, and the firewall; raise the open time-out for a slow sender."
    )


def _refusal(name: str, error: Exception) -> SourceError:
    reason = (error.strerror if isinstance(error, av.error.FFmpegError) else None) or type(error).__name__
    if isinstance(error, av.error.ProtocolNotFoundError):
        return SourceUnreadableError(
            f"Expected to open {name}, but the FFmpeg inside this PyAV was built without that protocol. Send "
            "the stream as RTSP, UDP or HTTP, or install a PyAV that is built against a fuller FFmpeg "
            "(pip install --no-binary av av)."
        )
    if isinstance(error, ValueError):
        return SourceUnreadableError(
            f"Expected a video stream at {name}, found something that is none ({reason}). Check the address."
        )
    return SourceNotFoundError(
        f"Expected a video stream at {name}, but it cannot be reached ({reason}). Check the address, the "
        "user name and password if it needs them, and that the sender is running."
    )
