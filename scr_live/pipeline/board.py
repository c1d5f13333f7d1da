"""Where predictions wait for the frame they belong to.

Inference puts, in order of the frames; one compose thread asks, in the same order. Memory is bounded: what
compose has passed is forgotten, and of what it never asks for only the latest `capacity` are kept.
"""

import threading
import time
from collections import OrderedDict

from scr_live.frames import Prediction
from scr_live.pipeline.channel import Closed


class Board:
    """The outlet of the inference stage, and what the compose stage looks at."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._changed = threading.Condition()
        self._waiting: OrderedDict[int, Prediction] = OrderedDict()
        self._newest: Prediction | None = None
        self._heard_at: float | None = None
        self._latency_s: float | None = None
        self._usable_from = 0
        self._waited_in_vain = False
        self._asked = -1
        self._failing = False
        self._closed = False

    @property
    def newest(self) -> Prediction | None:
        """The latest prediction that may be drawn, whether or not it was asked for."""
        return self._newest

    @property
    def heard_at(self) -> float | None:
        """When the frame of the latest prediction of all was captured; None: there was none."""
        return self._heard_at

    @property
    def latency_s(self) -> float | None:
        """How long after the capture of its frame the latest prediction came; None: there was none."""
        return self._latency_s

    @property
    def answers(self) -> bool:
        """False while the model fails or once it has ended: then waiting is useless."""
        return not (self._failing or self._closed)

    def put(self, prediction: Prediction) -> bool:
        """Post a prediction; the model works again if it had failed. Raises Closed after `close`."""
        with self._changed:
            if self._closed:
                raise Closed("board")
            self._failing = self._waited_in_vain = False
            self._heard_at = prediction.captured_at
            self._latency_s = time.perf_counter() - prediction.captured_at
            if prediction.frame_index >= self._usable_from:
                self._newest = prediction
            if prediction.frame_index >= self._asked:
                self._waiting[prediction.frame_index] = prediction
            fits = len(self._waiting) <= self._capacity
            if not fits:
                self._waiting.popitem(last=False)
            self._changed.notify_all()
            return fits

    def fail(self) -> None:
        """Tell that the model does not answer at present: whoever waits goes on without it."""
        with self._changed:
            self._failing = True
            self._changed.notify_all()

    def close(self) -> None:
        """No more will come; what is here can still be asked for."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def forget_before(self, frame_index: int) -> None:
        """Predictions of earlier frames are of another picture size: none of them is the newest any more."""
        with self._changed:
            self._usable_from = frame_index
            if self._newest is not None and self._newest.frame_index < frame_index:
                self._newest = None

    def wait_for(self, frame_index: int, timeout_s: float | None = None) -> Prediction | None:
        """Take the prediction of this frame, waiting for it: None if it cannot come or is too late.

        Ask with rising indexes. Without a time-out it waits until the prediction comes, the board is closed
        or failing, or a later frame's prediction has come. With one, a wait in vain is the last until
        something is posted again: a model that hangs delays one frame, and not each.
        """
        with self._changed:
            self._asked = frame_index
            patience_s = 0.0 if timeout_s is not None and self._waited_in_vain else timeout_s
            settled = self._changed.wait_for(lambda: self._is_settled(frame_index), patience_s)
            if patience_s and not settled:
                self._waited_in_vain = True
            prediction = self._waiting.get(frame_index)
            while self._waiting and next(iter(self._waiting)) <= frame_index:
                self._waiting.popitem(last=False)
            return prediction

    def __len__(self) -> int:
        return len(self._waiting)

    def _is_settled(self, frame_index: int) -> bool:
        """Whether the prediction is here, or will not come."""
        if frame_index in self._waiting or not self.answers:
            return True
        return self._newest is not None and self._newest.frame_index > frame_index
