"""A run with a page: what leaves it, and what it says of it."""

import json
import threading
import urllib.error
import urllib.request
from dataclasses import replace

import cv2
import numpy as np
import pytest

pytest.importorskip("fastapi", reason="needs fastapi, of the extra `web`")

from scr_live.app import RunConfig, run_video
from scr_live.app.serving import Serving
from scr_live.errors import OptionError
from scr_live.events import Journal
from scr_live.phantom.options import parse_phantom
from scr_live.phantom.render import render
from scr_live.sinks.web.options import ServeOptions

TEXT = "phantom:live=1,duration=endless,size=320x256,margins=text"


class Served:
    """A run in a thread, and its page."""

    def __init__(self, **changes):
        self.stop, self.started = threading.Event(), threading.Event()
        self.config = RunConfig(TEXT, engine="constant", display=False, serve=ServeOptions(port=0), **changes)
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        run_video(self.config, started=self._hear, stop=self.stop, tell=print)

    def _hear(self, facts):
        (self.note,) = facts.notes
        self.started.set()

    def __enter__(self):
        self._thread.start()
        assert self.started.wait(60)
        return self

    def __exit__(self, *_):
        self.stop.set()
        self._thread.join()

    def get(self, path):
        """Ask until there is something: a run has nothing to show at first."""
        while True:
            try:
                with urllib.request.urlopen(f"{self.note.split()[-1]}{path}", timeout=60) as answer:  # noqa: S310
                    return answer.read()
            except urllib.error.HTTPError as busy:
                busy.close()
                if busy.code != 503:
                    raise


def margin_of(jpeg):
    """How bright the corner is in which the phantom names its patient."""
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    picture = cv2.cvtColor(render(parse_phantom(TEXT), 0)[0], cv2.COLOR_RGB2GRAY)
    text = np.zeros_like(picture, bool)
    text[-18:, :70] = picture[-18:, :70] > 128
    assert text.any()
    return float(image[text].mean())


@pytest.mark.parametrize(("keep_margins", "shows"), [(False, False), (True, True)])
def test_names_beside_the_field_do_not_leave_the_run(keep_margins, shows):
    with Served(keep_margins=keep_margins) as run:
        assert (margin_of(run.get("api/snapshot.jpg")) > 60) is shows


def test_the_status_is_that_of_the_run_and_the_end_is_told():
    with Served(alert_after_s=1.0) as run:
        status = json.loads(run.get("api/status"))
        assert status["controls"]["alert_after_s"] == 1.0
        assert status["source"]["kind"] == "phantom"


def test_without_the_extra_one_sentence_names_it(monkeypatch):
    monkeypatch.setattr("scr_live.app.serving.find_spec", lambda name: None if name == "uvicorn" else name)
    config = RunConfig("phantom", serve=ServeOptions(port=0))
    with pytest.raises(OptionError, match=r"uvicorn missing\): pip install 'scr-live\[web\]'"):
        Serving(config, Journal()).__enter__()


def test_a_port_in_use_ends_the_run_before_it_begins():
    with Serving(RunConfig("phantom", serve=ServeOptions(port=0)), Journal()) as taken:
        port = taken._listener.getsockname()[1]
        with pytest.raises(OptionError, match=rf"cannot listen on 127\.0\.0\.1:{port}"):
            run_video(RunConfig("phantom", serve=ServeOptions(port=port)))


def test_in_a_network_the_token_is_printed_once_and_missing_tls_is_said():
    config = RunConfig("phantom", serve=ServeOptions("0.0.0.0", 0))
    with Serving(config, Journal()) as serving:
        address, warning = serving.notes
        assert "?token=" in address
        assert "--tls-cert" in warning
    known = replace(config, serve=ServeOptions("0.0.0.0", 0, "correct-horse-battery"))
    with Serving(known, Journal()) as serving:
        assert "correct-horse" not in " ".join(serving.notes)


def test_a_run_without_a_page_has_no_sink_of_it():
    with Serving(RunConfig("phantom"), Journal()) as serving:
        assert serving.begin(None, None, None) == []
        assert serving.hearing(None) is None
