"""What a service manager hears, on a real datagram socket."""

import os
import socket
import sys

import pytest

from scr_live.service import NullNotifier, SystemdNotifier, notifier_for

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no Unix sockets here")


class Manager:
    """The other end; the address may be a path or, on Linux, an abstract name."""

    def __init__(self, address):
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self._socket.setblocking(False)

    def heard(self):
        told = []
        while True:
            try:
                told.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return told

    def close(self):
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    if request.param == "abstract" and not sys.platform.startswith("linux"):
        pytest.skip("abstract names are Linux's")
    name = f"@scr-live-test-{os.getpid()}" if request.param == "abstract" else str(tmp_path / "notify")
    manager = Manager(name)
    yield manager
    manager.close()


def watched(manager, **environment):
    usual = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "2000000"}
    return notifier_for({**usual, **environment})


def test_start_status_and_end_are_told(manager):
    with watched(manager) as notifier:
        notifier.ready("phantom: 64x48")
        notifier.status("25 fps\nAI on")
        notifier.stopping()
    assert manager.heard() == ["READY=1\nSTATUS=phantom: 64x48", "STATUS=25 fps AI on", "STOPPING=1"]


def test_a_status_is_told_once(manager):
    with watched(manager) as notifier:
        notifier.ready("on")
        manager.heard()
        for text in ("on", "off", "off", "on"):
            notifier.status(text)
    assert manager.heard() == ["STATUS=off", "STATUS=on"]


def test_the_watchdog_is_fed_at_half_its_limit_while_the_video_moves(manager):
    now = 100.0
    with SystemdNotifier(manager.address, watchdog_s=2.0, clock=lambda: now) as notifier:
        fed = []
        for now, mark in [(100, 1), (100.5, 2), (101.1, 3), (101.2, 4), (102.2, 5)]:  # noqa: B007
            notifier.alive(mark)
            fed.append(len(manager.heard()))
    assert fed == [1, 0, 1, 0, 1]


def test_a_run_that_stands_still_starves_the_watchdog(manager):
    now = 0.0
    with SystemdNotifier(manager.address, watchdog_s=2.0, clock=lambda: now) as notifier:
        for now in range(10):  # noqa: B007
            notifier.alive(7)
    assert manager.heard() == ["WATCHDOG=1"]


@pytest.mark.parametrize(
    "environment",
    [{"WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": ""}, {"WATCHDOG_USEC": "soon"}],
    ids=["another process", "off", "empty", "no number"],
)
def test_the_watchdog_of_another_or_none_is_not_fed(manager, environment):
    with watched(manager, **environment) as notifier:
        notifier.alive(1)
        notifier.ready()
    assert manager.heard() == ["READY=1\nSTATUS="]


def test_our_own_watchdog_is_fed(manager):
    with watched(manager, WATCHDOG_PID=str(os.getpid())) as notifier:
        notifier.alive(1)
    assert manager.heard() == ["WATCHDOG=1"]


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1"}])
def test_without_a_manager_nobody_is_told(environment):
    with notifier_for(environment) as notifier:
        assert isinstance(notifier, NullNotifier)
        notifier.ready()
        notifier.status("on")
        notifier.alive(1)
        notifier.stopping()


def test_a_manager_that_has_gone_ends_no_run(manager):
    manager.close()
    with watched(manager) as notifier:
        notifier.ready()
        notifier.alive(1)


def test_a_manager_that_does_not_listen_costs_little(tmp_path):
    deaf = Manager(str(tmp_path / "notify"))
    with SystemdNotifier(deaf.address, watchdog_s=1.0) as notifier:
        notifier._socket.settimeout(0.001)
        for number in range(2000):  # more than any queue holds
            notifier.status(str(number))
    assert deaf.heard()[0] == "STATUS=0"
    deaf.close()
