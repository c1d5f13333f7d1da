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


@pytest.mark.parametrize(("frame", "is_near"), [(10, True), (12, True), (13, False), (8, True), (7, False)])
def test_the_newest_counts_only_near_its_own_time(frame, is_near):
    board = Board(5)
    board.put(prediction(10))
    near = board.newest_near(frame / 25, max_age_s=0.085)
    assert (near is not None) == is_near


def test_an_empty_board_has_nothing_near():
    assert Board(5).newest_near(0.0, max_age_s=1.0) is None
