"""A camera keeps its name when it is plugged in again, on a tree that looks like /dev."""

import pytest

from scr_live.sources.opening import kind_of
from scr_live.sources.v4l2 import cameras_here, stable_spec


@pytest.fixture
def devices(tmp_path):
    for number in (0, 1, 2):
        (tmp_path / f"video{number}").touch()
    return tmp_path


def link(devices, kind, name, node):
    folder = devices / "v4l" / kind
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).symlink_to(devices / node)
    return str(folder / name)


def stable(devices, spec):
    return stable_spec(spec, devices=devices, links=devices / "v4l")


@pytest.mark.parametrize("spec", ["1", "/dev/video1"])
def test_a_camera_is_named_by_what_it_is(devices, spec):
    link(devices, "by-id", "usb-scope-video-index0", "video0")
    link(devices, "by-path", "pci-usb-0-video-index0", "video1")
    grabber = link(devices, "by-id", "usb-grabber-video-index0", "video1")
    assert stable(devices, spec) == grabber


def test_or_else_by_where_it_is_plugged_in(devices):
    port = link(devices, "by-path", "pci-usb-0-video-index0", "video2")
    assert stable(devices, "2") == port


def test_plugged_in_again_under_another_number_the_link_leads_to_it(devices):
    grabber = link(devices, "by-id", "usb-grabber", "video1")
    assert stable(devices, "1") == grabber
    (devices / "v4l" / "by-id" / "usb-grabber").unlink()
    link(devices, "by-id", "usb-grabber", "video2")
    assert stable(devices, "2") == grabber


@pytest.mark.parametrize(
    "spec",
    ["0", "7", "/dev/video7", "phantom", "camera:Scope", "rtsp://host/1", "/dev/v4l/by-id/usb-x", "a.mp4"],
)
def test_what_has_no_other_name_stays_as_it_is(devices, spec):
    link(devices, "by-id", "usb-grabber", "video1")
    assert stable(devices, spec) == spec


@pytest.mark.parametrize("kind", ["by-id", "by-path"])
def test_the_links_themselves_name_cameras(kind):
    assert kind_of(f"/dev/v4l/{kind}/usb-Some_Grabber-video-index0") == "camera"


def test_the_cameras_that_are_here_are_listed(devices, tmp_path):
    assert cameras_here(devices).count("video") == 3
    assert "no camera at all" in cameras_here(tmp_path / "nothing")
