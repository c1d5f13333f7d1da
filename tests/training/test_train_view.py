import io
from dataclasses import replace

import pytest
from rich.console import Console

from scr_live import console
from scr_live.training.events import (
    FalseMarks,
    Finished,
    Note,
    Saved,
    SetScores,
    Started,
    StepDone,
    Validated,
    Validation,
)


def started(*, processes=1, workers=0):
    return Started(
        step=20,
        steps=4000,
        device="cpu",
        arithmetic="float32",
        processes=processes,
        workers=workers,
        pictures=900,
        validation_pictures=100,
    )


def done(step, *, loss=0.4321, negatives=0.05, data_share=0.01):
    return StepDone(
        step=step,
        steps=4000,
        loss=loss,
        bce=0.2,
        dice=0.3,
        negatives=negatives,
        rates=(("encoder", 4e-4), ("decoder", 1e-3)),
        gradient_norm=1.5,
        pictures_per_s=8.25,
        data_share=data_share,
        seconds_left=3723.4,
    )


def validated(*, is_best):
    sets = (SetScores("kvasir-seg", 100, 0.91, 0.85, 0.93, 0.98),)
    result = Validation(sets, (FalseMarks("clean", 1, 0.0),))
    return Validated(400, result, is_best=is_best, best_quality=0.925, seconds=9.0, pictures=None)


def told(capsys, *events):
    with console.TrainView() as view:
        for event in events:
            view(event)
    return capsys.readouterr().out.splitlines()


def test_a_log_file_gets_a_line_every_twenty_steps(capsys):
    lines = told(capsys, *(done(step) for step in range(1, 61)))
    assert len(lines) == 3
    for part in (
        "step 20/4000",
        "loss 0.4321",
        "4.0e-04/1.0e-03",
        "gradient 1.50",
        "8.2 pictures/s",
        "1:02:03 left",
    ):
        assert part in lines[0]


def test_a_line_tells_the_means_since_the_one_before_and_nothing_that_is_not_known(capsys):
    steps = [done(step, loss=float(step), negatives=float("nan")) for step in range(1, 41)]
    first, second = told(capsys, *steps)
    assert "loss 10.5000 (bce 0.200, dice 0.300)" in first
    assert "loss 30.5000" in second


def test_the_last_step_has_its_line_too(capsys):
    (line,) = told(capsys, replace(done(7), steps=7))
    assert "7/7" in line


def test_waiting_for_pictures_is_told_where_it_costs_something(capsys):
    usual, slow = told(capsys, done(20), done(40, data_share=0.6))
    assert "waiting" not in usual
    assert "60% waiting for pictures" in slow


@pytest.mark.parametrize(
    ("facts", "where"),
    [
        (started(), "training on cpu in float32; step 20 of 4000"),
        (
            started(processes=2, workers=1),
            "2 processes, this one on cpu in float32; pictures prepared by 1 worker",
        ),
    ],
)
def test_the_start_says_where_and_on_what(capsys, facts, where):
    lines = told(capsys, facts)
    assert lines[0].startswith("training on")
    assert where in lines[0]
    assert "900" in lines[1]


def test_a_validation_shows_each_set_and_whether_it_is_the_best(capsys):
    head, polyps, clean = told(capsys, validated(is_best=True))
    assert "step 400: quality 0.9100, best so far, saved" in head
    assert " ".join(polyps.split()) == (
        "kvasir-seg Dice 0.9100 IoU 0.8500 sensitivity 0.9300 specificity 0.9800 (100 pictures)"
    )
    assert "0.0% of 1 picture" in clean
    assert "best so far 0.9250" in told(capsys, validated(is_best=False))[0]


def test_notes_and_the_end_are_told_and_saving_is_not_worth_a_line(capsys, tmp_path):
    lines = told(capsys, Note("[odd] text"), Saved(3, tmp_path), Finished(7, complete=False))
    assert lines == [
        "note     [odd] text",
        "stopped  after step 7, as asked; everything needed to resume is saved",
    ]


@pytest.mark.parametrize(("width", "has_parts"), [(80, False), (160, True)])
def test_a_terminal_gets_one_live_line_that_fits(monkeypatch, width, has_parts):
    monkeypatch.setenv("TERM", "xterm")
    screen = io.StringIO()
    monkeypatch.setattr(
        console.output, "_out", Console(file=screen, force_terminal=True, width=width, no_color=True)
    )
    with console.TrainView() as view:
        view(started())
        view(done(400))
        view._bar.refresh()
    text = screen.getvalue()
    assert "400/4000 loss 0.432" in text
    assert "1:02:03 left" in text
    assert ("bce 0.200" in text) is has_parts
    assert "…" not in text
