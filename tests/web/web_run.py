"""A run beside a real process of the page's server."""

import contextlib
import http.client
import json
import socket
import threading
import time

import numpy as np
from run_figures import run_progress
from websockets.sync.client import connect

from scr_live.controls import Controls
from scr_live.engines import EngineInfo
from scr_live.events import Journal
from scr_live.frames import Frame, Picture, Signal
from scr_live.sinks.web.server import WebServer
from scr_live.sinks.web.steering import Steering
from scr_live.sinks.web.told import About
from scr_live.sources import SourceInfo

SOURCE = SourceInfo("file", "/data/patients/clip.mp4", 64, 48, 25.0, is_live=True)
ENGINE = EngineInfo("constant", "CPU", "fp32", 8)


class Run:
    """A run of pictures whose grey is their number, as fast as 100 a second."""

    def __init__(self, folder, **others):
        """others: facts that the process is to know instead of the usual ones."""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.controls = Controls(alert_after_s=0.5)
        self.journal = Journal()
        facts = {
            "host": "127.0.0.1",
            "port": self.port,
            "token": "",
            "secret": "x",
            "certificate": "",
            "key": "",
            **others,
        }
        self.notes = []
        self.server = WebServer(
            self.listener,
            facts,
            About(SOURCE, ENGINE, "models/tiny"),
            Steering(self.controls, self.journal, None, "no place"),
            journal=self.journal,
            margins=None,
            snapshot_dir=folder,
            tell=self.notes.append,
        )
        self.journal.listen(self.server.heard)
        self.slowest_s = 0.0
        self.count = 0
        self.signal = Signal.OK
        self.size = (48, 64)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._go)

    def __enter__(self):
        self.server.__enter__()
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        self._thread.join()
        self.server.__exit__(None, None, None)
        self.listener.close()

    def _go(self):
        while not self._stopped.wait(0.01):
            image = np.full((*self.size, 3), self.count % 200, np.uint8)
            began = time.thread_time()  # that of a busy machine does not count
            frame = Frame(image, self.count, self.count / 100, time.perf_counter(), self.signal)
            self.server.write(Picture(frame, None, image))
            self.server.progress(run_progress(composed=self.count))
            self.slowest_s = max(self.slowest_s, time.thread_time() - began)
            self.count += 1

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            headers = {} if body is None else {"Content-Type": "application/json"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            content = answer.read()
        return answer.status, json.loads(content) if "json" in answer.headers["Content-Type"] else content

    def watch(self):
        return connect(f"ws://127.0.0.1:{self.port}/ws/video", open_timeout=30, compression=None, proxy=None)


def until(condition, what, timeout_s=40.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)
