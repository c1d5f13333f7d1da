"""A whole live run in this process, asked by HTTP."""

import json
import threading
import urllib.error
import urllib.request

from scr_live.app import RunConfig, run_video
from scr_live.events import Journal
from scr_live.sinks.web.options import ServeOptions

LIVE = "phantom:live=1,duration=endless,size=64x48"


class WholeRun:
    """A live run in a thread, asked by HTTP."""

    def __init__(self, source=LIVE, **changes):
        self.stop, self._started = threading.Event(), threading.Event()
        self.journal = Journal()
        self.config = RunConfig(
            source, engine="constant", display=False, serve=ServeOptions(port=0), **changes
        )
        self.outcome = self.error = None
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        try:
            self.outcome = run_video(
                self.config, started=self._hear, stop=self.stop, tell=print, journal=self.journal
            )
        except Exception as error:  # noqa: BLE001 - looked at by the test
            self.error = error
        finally:
            self._started.set()

    def _hear(self, facts):
        self.url = facts.notes[0].split()[-1]
        self._started.set()

    def __enter__(self):
        self._thread.start()
        assert self._started.wait(60)
        assert self.error is None, self.error
        self.until(lambda status: status["frames"]["composed"])
        return self

    def __exit__(self, *_):
        self.stop.set()
        self._thread.join()

    def ask(self, path, body=None):
        request = urllib.request.Request(  # noqa: S310 - our own server
            f"{self.url}{path}",
            None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own server
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, json.loads(refusal.read() or b"{}")

    def switch(self, *, on):
        return self.ask("api/control", {"recording": on})

    def until(self, is_so):
        while True:
            code, status = self.ask("api/status")
            if code == 200 and is_so(status):
                return status

    def frames_of(self, kind):
        return [event.facts.get("frames") for event in self.journal.events if event.kind == kind]
