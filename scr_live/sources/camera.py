"""A camera or frame grabber, through FFmpeg's device inputs; all else is live.py's."""

import os
import sys
from dataclasses import dataclass

import av
import av.error
from av.container import InputContainer

from scr_live.errors import OptionError, SourceError, SourceNotFoundError, SourceUnreadableError
from scr_live.sources.live import LiveSource, LiveTarget
from scr_live.sources.options import SourceOptions
from scr_live.sources.tap import PacketTap
from scr_live.sources.v4l2 import cameras_here

_COMPRESSED = ("mjpeg", "h264")  # FFmpeg calls these the input's codec, not its pixel format


@dataclass(frozen=True, slots=True)
class Device:
    """How FFmpeg is asked for a camera on this system."""

    demuxer: str
    """FFmpeg's input format, such as v4l2."""
    address: str
    """What that format calls the camera."""
    settings: tuple[tuple[str, str], ...] = ()


def open_camera(spec: str, options: SourceOptions, *, tap: PacketTap | None = None) -> LiveSource:
    """Open a camera by index, device path or `camera:NAME`, and wait for its first picture."""
    device = device_for(spec, options, sys.platform)
    if device.demuxer == "v4l2" and not os.path.exists(device.address):  # noqa: PTH110 - any name
        raise SourceNotFoundError(
            f"Expected a camera at {device.address}, found none. {cameras_here()} Plug it in, or check its "
            "number or path, as `ls /dev/video*` lists them."
        )
    return open_device(device, f"camera {spec.removeprefix('camera:')}", options, tap=tap)


def open_device(
    device: Device, name: str, options: SourceOptions, *, tap: PacketTap | None = None
) -> LiveSource:
    """Open any FFmpeg device input as a camera."""
    return LiveSource(
        LiveTarget(
            kind="camera",
            name=name,
            open_container=lambda read_timeout_s: _open(device, name, options, read_timeout_s=read_timeout_s),
            open_timeout_s=options.open_timeout_s,
            read_timeout_s=options.read_timeout_s,
            undecoded_timeout_s=options.undecoded_timeout_s,
            tap=tap,
        )
    )


def device_for(spec: str, options: SourceOptions, platform: str) -> Device:
    """Translate a spec and options into FFmpeg's words for this platform (sys.platform)."""
    settings = _settings(options)
    name = spec.removeprefix("camera:")
    if platform == "darwin":
        return Device("avfoundation", f"{name}:none", settings)
    if platform == "win32":
        if name.isdigit():  # DirectShow knows names; the n-th of one name is a separate option
            raise OptionError(
                f"Expected a camera's name, found the number {name}: DirectShow has no numbers. Write "
                '--source "camera:NAME" with the name from the device manager.'
            )
        return Device("dshow", f"video={name}", settings)
    return Device("v4l2", f"/dev/video{name}" if name.isdigit() else name, settings)


def _settings(options: SourceOptions) -> tuple[tuple[str, str], ...]:
    # Without nonblock, a grabber that has lost its signal would hold the reader in the driver for ever.
    settings = {"fflags": "nonblock"}
    if options.size:
        settings["video_size"] = options.size
    if options.fps:
        settings["framerate"] = f"{options.fps:g}"
    if options.pixel_format in _COMPRESSED:
        settings["input_format"] = options.pixel_format
    elif options.pixel_format:
        settings["pixel_format"] = options.pixel_format
    return tuple(settings.items())


def _open(device: Device, name: str, options: SourceOptions, *, read_timeout_s: float) -> InputContainer:
    patience_s = options.open_timeout_s / 2  # FFmpeg starts this clock twice
    try:
        return av.open(
            device.address,
            format=device.demuxer,
            options=dict(device.settings),
            timeout=(patience_s, read_timeout_s),
        )
    except (av.error.FFmpegError, ValueError) as error:
        raise _refusal(name, device, error) from error


def _refusal(name: str, device: Device, error: Exception) -> SourceError:
    reason = (error.strerror if isinstance(error, av.error.FFmpegError) else None) or str(error)
    wishes = ", ".join(f"{key} {value}" for key, value in device.settings if key != "fflags")
    return SourceUnreadableError(
        f"Expected pictures from {name} through {device.demuxer}"
        + (f" with {wishes}" if wishes else "")
        + f", but it refused ({reason}). Check its name and your permission to use it (on Linux: "
        "membership of the group video), close other programs that use it, or ask for another size, rate or "
        "pixel format."
    )
