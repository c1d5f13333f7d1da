"""Pages in a browser: of a hub that the test tells what to say, and of a pipeline with marks."""

import contextlib
import socket
import threading
from pathlib import Path

import numpy as np
import uvicorn
from web_fakes import METRICS, AnsweringHub

from scr_live.controls import Controls
from scr_live.engines.constant import ConstantEngine
from scr_live.events import Journal
from scr_live.overlays import ContourOverlay, ScoreLabel
from scr_live.phantom.counter import write_counter
from scr_live.pipeline.live import NamedSink, run
from scr_live.sinks.web.app import create_app
from scr_live.sinks.web.guard import Guard
from scr_live.sinks.web.hub import Shown
from scr_live.sinks.web.jpeg import encoded
from scr_live.sinks.web.protocols import PatientHttp, PatientWebSocket
from scr_live.sinks.web.server import WebServer
from scr_live.sinks.web.steering import Steering
from scr_live.sinks.web.told import About
from scr_live.sources.phantom import PhantomSource, parse_phantom

SIZE = (320, 240)
LOOK = (Path(__file__).parents[2] / "scripts" / "serving_look.js").read_text(encoding="utf-8")


class ToldPage:
    """A page whose run is what the test says: nothing happens by itself."""

    def __enter__(self):
        self.hub = AnsweringHub()
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        guard = Guard(
            create_app(self.hub), host="127.0.0.1", port=port, token="", secret="x", is_secure=False
        )
        config = uvicorn.Config(
            guard, http=PatientHttp, ws=PatientWebSocket, lifespan="off", log_config=None,
            timeout_graceful_shutdown=1,
        )  # fmt: skip
        self.url = f"http://127.0.0.1:{port}/"
        self.count = 0
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listener]})
        self._thread.start()
        self._is_still = threading.Event()
        self._beating = threading.Thread(target=self._beat)
        self._beating.start()
        return self

    def __exit__(self, *_):
        self.stop_beating()
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()

    def tell(self, **changes):
        """How the run stands from now on."""
        status = {**self.hub.status, **changes}
        self._in_loop(lambda: self.hub.tell_status(status, METRICS))

    def show(self, number):
        """Send a picture that bears this number."""
        image = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
        write_counter(image, number)
        self._in_loop(lambda: self.hub.show(Shown(number, number, 0.0, encoded(image))))

    def stop_beating(self):
        """From now on there are no pictures but those that are shown."""
        self._is_still.set()
        self._beating.join()

    def do(self, deed):
        """Have something done where the hub is used."""
        self._in_loop(lambda: deed(self.hub))

    def wanted(self):
        """What the page asked the run for."""
        return [facts["changes"] for kind, facts in self.hub.sent if kind == "control"]

    def _beat(self):
        """A living picture, four times a second: what is older than a second is told to be old."""
        while not self._is_still.wait(0.25):
            self.count += 1
            self.show(self.count)

    def _in_loop(self, call):
        done = threading.Event()

        def doing():
            call()
            done.set()

        self._loop.call_soon_threadsafe(doing)
        assert done.wait(30)

    @property
    def _loop(self):
        while not self._server.started:
            assert self._thread.is_alive()
        return self._server.servers[0].get_loop()


@contextlib.contextmanager
def pipeline_with_marks(folder):
    """The address of a live run whose engine finds something in the middle of every picture, at 0.8."""
    journal, controls, stop = Journal(), Controls(threshold=0.5), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener, ConstantEngine(probability=0.8) as engine:
        source = PhantomSource(parse_phantom("phantom:live=1,size=320x240,duration=endless,counter=1"))
        facts = {"host": "127.0.0.1", "token": "", "secret": "x", "certificate": "", "key": ""}
        port = listener.getsockname()[1]
        server = WebServer(
            listener, {**facts, "port": port}, About(source.info, engine.info, ""),
            Steering(controls, journal, None, "It is not recorded."),
            journal=journal, margins=None, snapshot_dir=folder,
        )  # fmt: skip
        begun = threading.Event()

        def hear(now):
            server.progress(now)
            begun.set()

        thread = threading.Thread(
            target=run,
            args=(source, engine),
            kwargs={
                "sinks": [NamedSink("web", server)],
                "overlays": (ContourOverlay(), ScoreLabel()),
                "controls": controls,
                "progress": hear,
                "stop": stop,
                "journal": journal,
            },
        )
        with server:
            thread.start()
            try:
                assert begun.wait(60)
                yield f"http://127.0.0.1:{port}/"
            finally:
                stop.set()
                thread.join()
