import csv
import sys

import pytest

pytest.importorskip("torch", reason="needs torch, of the extra `train`")

from scr_live.errors import OutputUnwritableError
from scr_live.training.events import FalseMarks, SetScores, StepDone, Validated, Validation
from scr_live.training.logs import Logs, Table


def rows_of(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def done(step, *, loss=1.0, negatives=0.5):
    return StepDone(
        step=step,
        steps=50,
        loss=loss,
        bce=0.2,
        dice=0.4,
        negatives=negatives,
        rates=(("encoder", 1e-4), ("decoder", 1e-3)),
        gradient_norm=2.0,
        pictures_per_s=8.0,
        data_share=0.1,
        seconds_left=100.4,
    )


@pytest.fixture
def logs(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)  # as if it were not installed
    with_sets = Logs(tmp_path, step=0, sets=["a"], clean=["c"])
    yield with_sets
    with_sets.close()


def test_a_row_stands_for_the_mean_of_twenty_steps_and_the_rest_is_written_at_the_end(tmp_path, logs):
    for step in range(1, 46):
        logs(done(step, loss=float(step), negatives=float("nan") if step % 2 else 0.5))
    logs.close()
    rows = rows_of(tmp_path / "train.csv")
    assert [(row["step"], float(row["loss"])) for row in rows] == [("20", 10.5), ("40", 30.5), ("45", 43.0)]
    assert {row["negatives"] for row in rows} == {"0.5"}  # of the steps that have them
    assert (rows[0]["rate_encoder"], rows[0]["rate_decoder"]) == ("0.0001", "0.001")


def test_a_validation_is_a_row_with_the_figures_of_each_set(tmp_path, logs):
    result = Validation((SetScores("a", 9, 0.8, 0.7, 0.9, 0.99),), (FalseMarks("c", 4, 0.25),))
    logs(Validated(30, result, is_best=True, best_quality=0.775, seconds=3.0, pictures=None))
    (row,) = rows_of(tmp_path / "validation.csv")
    assert float(row["quality"]) == pytest.approx(0.775)
    assert (row["step"], row["best"], row["false_marks"], row["c false_marks"]) == ("30", "1", "0.25", "0.25")
    assert [row[f"a {name}"] for name in ("dice", "iou", "sensitivity", "specificity")] == [
        "0.8",
        "0.7",
        "0.9",
        "0.99",
    ]


def test_without_tensorboard_there_are_tables_all_the_same(logs):
    assert not logs.has_tensorboard


def test_tensorboard_gets_the_same_figures(tmp_path):
    pytest.importorskip("tensorboard", reason="needs tensorboard, of the extra `train`")
    logs = Logs(tmp_path, step=0, sets=[], clean=[])
    for step in range(1, 21):
        logs(done(step))
    logs.close()
    (path,) = (tmp_path / "tensorboard").iterdir()
    assert b"train/loss" in path.read_bytes()


def test_rows_after_the_resumed_step_and_broken_rows_are_cut(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("step,loss\n20,1.5\n40,1.25\n60,1.0\n4")
    table = Table(path, ["step", "loss"], last_step=45)
    table.append({"step": 60, "loss": 0.5})
    assert rows_of(path) == [
        {"step": "20", "loss": "1.5"},
        {"step": "40", "loss": "1.25"},
        {"step": "60", "loss": "0.5"},
    ]


def test_a_table_keeps_the_columns_of_sets_that_are_gone(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("step,old\n20,1\n")
    Table(path, ["step", "new"], last_step=20).append({"step": 40, "new": float("nan")})
    assert rows_of(path) == [{"step": "20", "new": "", "old": "1"}, {"step": "40", "new": "", "old": ""}]


def test_a_table_that_cannot_be_written_is_named(tmp_path):
    table = Table(tmp_path / "t.csv", ["step"], last_step=0)
    (tmp_path / "t.csv").unlink()
    (tmp_path / "t.csv").mkdir()
    with pytest.raises(OutputUnwritableError, match=r"t\.csv"):
        table.append({"step": 1})
