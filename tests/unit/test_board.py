"""Predictions find their frames, waiting ends whenever it is useless, memory is bounded."""

import threading

import numpy as np
import pytest

from scr_live.frames import Prediction
from scr_live.geometry import Box, Placement
from scr_live.pipeline.board import Board
from scr_live.pipeline.channel import Closed


def prediction(index):
    placement = Placement(Box(0, 0, 4, 4), 4)
    return Prediction(index, (), np.zeros((4, 4), np.float32), placement, 1.0, captured_at=index / 25)


def ask_in_thread(board, index):
    """Return (thread, answers) once the thread waits for the prediction."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(board.wait_for(index)))
    thread.start()
    while not board._changed._waiters and thread.is_alive():
        pass
    return thread, answers


def test_a_prediction_is_found_by_its_frame_only():
    board = Board(8)
    one, two = prediction(1), prediction(2)
    board.put(one)
    board.put(two)
    assert board.wait_for(1) is one
    assert board.wait_for(2) is two


def test_waiting_ends_when_the_prediction_comes():
    board = Board(8)
    thread, answers = ask_in_thread(board, 3)
    own = prediction(3)
    board.put(own)
    thread.join()
    assert answers == [own]


@pytest.mark.parametrize("end", [Board.close, Board.fail, lambda board: board.put(prediction(4))])
def test_waiting_ends_when_the_prediction_cannot_come(end):
    board = Board(8)
    thread, answers = ask_in_thread(board, 3)
    end(board)
    thread.join()
    assert answers == [None]


def test_waiting_ends_at_the_time_out_and_a_late_answer_is_the_newest():
    board = Board(8)
    assert board.wait_for(0, timeout_s=0.0) is None
    late = prediction(0)
    board.put(late)
    assert board.newest is late


def test_what_was_posted_can_still_be_taken_after_the_end():
    board = Board(8)
    own = prediction(0)
    board.put(own)
    board.close()
    assert not board.answers
    assert board.wait_for(0) is own
    assert board.wait_for(1) is None
    with pytest.raises(Closed):
        board.put(prediction(1))


def test_a_new_answer_ends_a_failure():
    board = Board(8)
    board.fail()
    assert not board.answers
    board.put(prediction(7))
    assert board.answers


def test_what_compose_has_passed_is_forgotten():
    board = Board(100)
    for index in range(10):
        board.put(prediction(index))
    board.wait_for(6)
    assert len(board) == 3
    board.wait_for(20, timeout_s=0.0)
    assert len(board) == 0


def test_late_answers_do_not_pile_up():
    board = Board(100)
    board.wait_for(50, timeout_s=0.0)
    for index in range(40):
        board.put(prediction(index))
    assert len(board) == 0
    assert board.newest.frame_index == 39


def test_answers_that_nobody_asks_for_are_bounded():
    board = Board(5)
    for index in range(50):
        board.put(prediction(index))
    assert len(board) == 5
    assert board.wait_for(49).frame_index == 49


def test_the_board_knows_how_late_the_latest_answer_came(monkeypatch):
    board = Board(5)
    assert board.latency_s is None
    monkeypatch.setattr("scr_live.pipeline.board.time.perf_counter", lambda: 10 / 25 + 0.3)
    board.put(prediction(10))
    assert board.latency_s == pytest.approx(0.3)


# --- waiting in vain ------------------------------------------------------------------------------------


class Waits:
    """A condition that keeps no time: it notes for how long it would have waited."""

    def __init__(self, board):
        self._whole = board._changed
        self.seen_s = []

    def __enter__(self):
        return self._whole.__enter__()

    def __exit__(self, *error):
        return self._whole.__exit__(*error)

    def wait_for(self, predicate, timeout_s=None):
        if not predicate():
            self.seen_s.append(timeout_s)
        return predicate()

    def notify_all(self):
        self._whole.notify_all()


@pytest.fixture
def board_and_waits():
    board = Board(8)
    board._changed = Waits(board)
    return board, board._changed.seen_s


def test_a_model_that_hangs_delays_one_frame_and_not_each(board_and_waits):
    board, waited_s = board_and_waits
    for index in range(100):
        assert board.wait_for(index, timeout_s=0.04) is None
    assert waited_s == [0.04] + [0.0] * 99


def test_a_slow_model_delays_one_frame_an_answer(board_and_waits):
    board, waited_s = board_and_waits
    for index in range(12):
        if index % 3 == 2:
            board.put(prediction(index - 2))
        board.wait_for(index, timeout_s=0.04)
    assert waited_s == [0.04, 0.0, 0.04, 0.0, 0.0, 0.04, 0.0, 0.0, 0.04, 0.0, 0.0, 0.04]


def test_a_frame_that_had_no_time_left_did_not_wait(board_and_waits):
    board, waited_s = board_and_waits
    board.wait_for(0, timeout_s=0.0)
    board.wait_for(1, timeout_s=0.04)
    assert waited_s == [0.0, 0.04]


def test_without_a_time_out_every_frame_is_waited_for(board_and_waits):
    board, waited_s = board_and_waits
    board.wait_for(0, timeout_s=0.04)
    board.wait_for(1)
    board.wait_for(2)
    assert waited_s == [0.04, None, None]


def test_waiting_that_was_worth_it_goes_on():
    board = Board(8)
    for index in range(3):
        thread, answers = ask_in_thread(board, index)
        own = prediction(index)
        board.put(own)
        thread.join()
        assert answers == [own]
    assert not board._waited_in_vain


# --- another picture size -------------------------------------------------------------------------------


def test_marks_of_another_picture_size_are_not_the_newest():
    board = Board(8)
    board.put(prediction(10))
    board.forget_before(12)
    assert board.newest is None
    board.put(prediction(11))  # was being inferred meanwhile
    assert board.newest is None
    board.put(prediction(12))
    assert board.newest.frame_index == 12


def test_what_is_forgotten_was_heard_all_the_same():
    board = Board(8)
    assert board.heard_at is None
    board.put(prediction(10))
    board.forget_before(20)
    assert board.heard_at == 10 / 25
