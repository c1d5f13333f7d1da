"""The whole of `evaluate`: sets in, tables and files out."""

import csv
import inspect
import json
from dataclasses import MISSING, fields
from pathlib import Path

import cv2
import numpy as np
import pytest
from evaluation_sets import BRIGHT, DULL, HALF, NOTHING, make_set, write
from tiny_models import write_model

from scr_live import console
from scr_live.cli.evaluate import evaluate
from scr_live.errors import DataError, OptionError, OutputUnwritableError
from scr_live.evaluation.command import EvaluateConfig, evaluate_sets
from scr_live.evaluation.judged_model import ModelOptions
from scr_live.evaluation.metrics import score
from scr_live.evaluation.sheet import WorstCases, draw_sheet
from scr_live.files import TEXT_MARK

WHOLE = (4, 4, 8, 8)


@pytest.fixture
def polyps(tmp_path):
    """Dice 0.5 and 1, and one picture with an empty mask that is marked."""
    pictures = {"half": (BRIGHT, HALF), "whole": (BRIGHT, WHOLE), "empty": (BRIGHT, NOTHING)}
    return make_set(tmp_path / "polyps", pictures)


@pytest.fixture
def negatives(tmp_path):
    """No masks folder; two sources, one of four pictures is marked."""
    pictures = {"far_1": DULL, "far_2": DULL, "near_1": DULL, "near_2": BRIGHT}
    return make_set(tmp_path / "negatives", {n: (p, NOTHING) for n, p in pictures.items()}, with_masks=False)


@pytest.fixture
def config(tmp_path):
    model = write_model(tmp_path, threshold=0.6)

    def build(*data, bootstrap=50, judged=None, **options):
        wanted = ModelOptions(str(model), precision="fp32", **(judged or {}))
        return EvaluateConfig(data=data, judged=wanted, bootstrap=bootstrap, **options)

    return build


def written(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_several_sets_and_all_of_them_together(config, polyps, negatives, tmp_path):
    counted = []
    evaluate_sets(
        config(polyps, negatives, json=tmp_path / "r.json"), progress=lambda *now: counted.append(now)
    )
    assert counted == [(n, 7) for n in range(1, 8)]
    report = written(tmp_path / "r.json")
    first, second = report["sets"]
    assert (first["set"], first["images"], first["positives"], first["negatives"]) == ("polyps", 3, 2, 1)
    assert (first["dice"], first["marked_negatives"]) == (0.75, 1.0)
    assert (second["set"], second["images"], second["negatives"]) == ("negatives", 4, 4)
    assert (second["dice"], second["marked_negatives"], second["auroc"]) == (None, 0.25, None)
    assert (report["set"], report["images"], report["negatives"]) == ("all sets", 7, 5)
    assert (report["dice"], report["marked_negatives"]) == (0.75, 0.4)
    # Of 2 x 5 pairs the polyps win against the three dull ones, and tie with the two bright ones.
    assert report["auroc"] == pytest.approx((2 * 3 + 2 * 2 / 2) / 10)
    assert {name: part["marked_negatives"] for name, part in second["by_source"].items()} == {
        "far": 0.0,
        "near": 0.5,
    }
    assert report["by_source"] == first["by_source"] == {}
    assert report["threshold"] == 0.6
    assert "machine" in report


def test_the_report_is_there_as_objects_too(config, polyps, negatives, tmp_path):
    report = evaluate_sets(config(polyps, negatives, json=tmp_path / "r.json")).report
    assert [part.whole.name for part in report.sets] == list(report.results) == ["polyps", "negatives"]
    assert report.sets[0].whole.estimates["dice"].value == report.pooled.whole.estimates["dice"].value == 0.75
    dice = {result.entry.image.stem: score(result.counts).dice for result in report.results["polyps"]}
    assert dice == {"empty": 0, "half": 0.5, "whole": 1}
    assert (report.threshold, report.resamples, report.engine.precision) == (0.6, 50, "fp32")
    assert json.loads(json.dumps(report.as_dict())) == written(tmp_path / "r.json")


def test_sources_are_those_of_a_set_and_not_of_all_together(config, tmp_path):
    names = dict.fromkeys(("far_1", "far_2", "near_1", "near_2"), (DULL, NOTHING))
    sets = [make_set(tmp_path / name, names, with_masks=False) for name in ("one", "two")]
    evaluate_sets(config(*sets, json=tmp_path / "r.json"))
    report = written(tmp_path / "r.json")
    assert [list(part["by_source"]) for part in report["sets"]] == [["far", "near"]] * 2
    assert report["by_source"] == {}


def test_the_rows_by_size_go_from_small_to_large(config, tmp_path):
    # 4 of 256 pixels, hit; 64, half hit; 16, not hit. The field is the picture.
    pictures = {"s": (BRIGHT, (6, 6, 2, 2)), "l": (BRIGHT, HALF), "m": (BRIGHT, (0, 0, 4, 4))}
    tables = evaluate_sets(config(make_set(tmp_path / "set", pictures))).tables
    rows = [[value for value, _ in row] for row in tables["By polyp size"]]
    assert [(row[0], *row[1:4], row[7]) for row in rows[1:]] == [
        ("small", "1", "1", f"{2 * 4 / (4 + 64):.3f}", "100.0%"),
        ("medium", "1", "1", "0.000", "0.0%"),
        ("large", "1", "1", "0.500", "100.0%"),
    ]


def test_one_set_stands_at_the_top_by_its_name(config, negatives, tmp_path):
    evaluate_sets(config(negatives, json=tmp_path / "r.json"))
    report = written(tmp_path / "r.json")
    assert (report["set"], report["marked_negatives"]) == ("negatives", 0.25)
    assert report["by_source"] == report["sets"][0]["by_source"] != {}


def test_intervals_and_none(config, polyps, tmp_path):
    evaluate_sets(config(polyps, json=tmp_path / "r.json"))
    low, high = written(tmp_path / "r.json")["intervals"]["dice"]
    assert 0.5 <= low <= 0.75 <= high <= 1
    evaluate_sets(config(polyps, json=tmp_path / "r.json", bootstrap=0))
    intervals = written(tmp_path / "r.json")["intervals"]
    assert set(intervals.values()) == {None}


def test_what_the_intervals_are_is_said_where_there_are_any(config, polyps):
    with_them, without = (evaluate_sets(config(polyps, bootstrap=count)).notes for count in (50, 0))
    assert any("95 %, from 50 bootstrap" in note for note in with_them)
    assert not any("bootstrap" in note for note in without)


def test_a_row_a_picture_with_its_set(config, polyps, negatives, tmp_path):
    evaluate_sets(config(polyps, negatives, csv=tmp_path / "r.csv"))
    with (tmp_path / "r.csv").open(newline="", encoding="utf-8") as stream:
        rows = {(row["set"], row["image"]): row for row in csv.DictReader(stream)}
    assert len(rows) == 7
    half, false = rows["polyps", "half.png"], rows["negatives", "near_2.png"]
    assert {key: half[key] for key in ("dice", "iou", "size", "polyps", "polyps_hit", "false_marks")} == {
        "dice": "0.500000",
        "iou": "0.333333",
        "size": "large",
        "polyps": "1",
        "polyps_hit": "1",
        "false_marks": "0",
    }
    assert (half["true_positive_px"], half["false_negative_px"], half["true_negative_px"]) == (
        "32",
        "32",
        "160",
    )
    assert (false["dice"], false["specificity"], false["marked"]) == ("", "0.750000", "1")
    assert false["highest_probability"].startswith("0.90")


def test_the_tables_can_be_pasted(config, polyps, negatives, tmp_path):
    evaluation = evaluate_sets(config(polyps, negatives, markdown=tmp_path / "r.md", sweep=True))
    lines = (tmp_path / "r.md").read_text(encoding="utf-8").splitlines()
    assert lines[0] == TEXT_MARK
    tables = [line for line in lines if line.startswith("|")]
    assert len({line.count("|") for line in tables[:7]}) == 1
    assert [line.split("|")[1].strip() for line in tables[:7]] == [
        *("set", "---", "polyps", "negatives", "&nbsp;&nbsp;far", "&nbsp;&nbsp;near", "all sets"),
    ]
    assert "| 0.750 (0.500-1.000) |" in tables[2]
    # Wilson for one of four, see test_intervals.py.
    assert "25.0% (4.6-69.9%)" in tables[3]
    assert [[cell.strip() for cell in tables[row].split("|")[2:4]] for row in (2, 3, 6)] == [
        ["3", "1"],
        ["4", "4"],
        ["7", "5"],
    ]
    assert any(line.startswith("Recommended threshold") for line in lines)
    assert evaluation.problems == ()
    # Of 7 pictures of 256 pixels the 4 bright ones have 64 bright pixels: 256 of 1792.
    (bright,) = [line for line in tables if line.startswith("| 0.9-1.0")]
    assert bright.split("|")[2].strip() == "14.286%"
    # 32 of them in the picture that is half right and 64 in the one that is right are polyp: 96 of 256.
    assert bright.split("|")[4].strip() == "0.375"


def test_the_sweep_recommends_by_polyps_and_negatives_together(config, polyps, negatives, tmp_path):
    evaluate_sets(config(polyps, negatives, json=tmp_path / "r.json", sweep=True, judged={"threshold": 0.42}))
    report = written(tmp_path / "r.json")
    at = {point["threshold"]: point for point in report["sweep"]}
    assert len(at) == 20
    # Up to 0.35 everything is marked (the dull pixels are 0.353), then the bright ones, from 0.95 on nothing.
    assert (at[0.35]["marked_negatives"], at[0.42]["marked_negatives"], at[0.95]["marked_negatives"]) == (
        1,
        0.4,
        0,
    )
    assert at[0.42]["dice"] == report["dice"] == 0.75
    assert at[0.35]["dice"] == pytest.approx(2 * 64 / (256 + 64))
    # The highest of those that are equally good: 0.90 marks the bright pixels of 0.902.
    assert report["recommended"]["threshold"] == 0.9
    assert report["recommended"]["value"] == pytest.approx(0.75 - 0.2 * 0.4)


def test_the_sheet_shows_the_worst_of_both_kinds(config, polyps, negatives, tmp_path):
    for name, count in (("one.png", 1), ("all.png", 9)):
        evaluate_sets(config(polyps, negatives, worst=tmp_path / name, worst_count=count))
    one, every = (cv2.imread(str(tmp_path / name))[..., ::-1] for name in ("one.png", "all.png"))
    # Two polyps and two false marks fit into one row each, as do one and one.
    assert one.shape == every.shape
    blue, yellow = ([0, 210, 255], [255, 230, 60])
    for sheet, marks in ((one, 2), (every, 4)):
        shown = np.abs(sheet.astype(int) - blue).sum(axis=2) < 40
        tiles = [shown[60:, left : left + 400].any() for left in range(0, 1600, 400)]
        assert sum(tiles) == marks / 2
    assert (np.abs(one.astype(int) - yellow).sum(axis=2) < 40)[60:].any()


def test_sets_of_one_name_are_told_apart_in_the_sheet(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sets = [make_set(Path(place) / "polyps", {"same": (DULL, HALF)}) for place in ("a", "b")]
    evaluate_sets(config(*sets, worst=tmp_path / "r.png"))
    sheet = cv2.imread(str(tmp_path / "r.png"))
    first, second = sheet[88:, :400], sheet[88:, 400:800]
    # The pictures, their names and their figures are alike; the line of the set, below the picture, is not.
    assert np.array_equal(first[:320], second[:320])
    assert not np.array_equal(first[320:344], second[320:344])
    assert np.array_equal(first[346:386], second[346:386])


def test_names_of_any_letters_fit_into_the_sheet(config, tmp_path):
    data = make_set(tmp_path / "Größe", {"Ä" + "x" * 120: (DULL, HALF)})
    evaluate_sets(config(data, worst=tmp_path / "r.jpg"))
    assert cv2.imread(str(tmp_path / "r.jpg")).shape[1] == 1600


def test_the_truth_is_outlined_where_it_is(config, tmp_path):
    data = make_set(tmp_path / "set", {"a": (DULL, (4, 4, 8, 8))})
    evaluate_sets(config(data, worst=tmp_path / "r.png"))
    tile = cv2.imread(str(tmp_path / "r.png"))[88 : 88 + 320, :400, ::-1].astype(int)
    # 16 pixels fill 312 of the 320 high tile: 19.5 each, from (44, 4) on; the border runs through the
    # middles of the pixels 4 and 11.
    rows, columns = np.nonzero(np.abs(tile - [255, 230, 60]).sum(axis=2) < 40)
    assert (columns.min(), columns.max()) == pytest.approx((44 + 4.5 * 19.5, 44 + 11.5 * 19.5), abs=2)
    assert (rows.min(), rows.max()) == pytest.approx((4 + 4.5 * 19.5, 4 + 11.5 * 19.5), abs=2)


def test_a_long_title_leaves_the_legend_its_room():
    short, long = (
        draw_sheet(WorstCases((), ()), title=title, with_set_names=False) for title in ("x", "x" * 300)
    )
    assert not np.array_equal(short, long)
    assert np.array_equal(short[:, 1380:], long[:, 1380:])


def test_the_command_line_has_the_defaults_of_the_command():
    options = inspect.signature(evaluate).parameters
    for entry in (*fields(EvaluateConfig), *fields(ModelOptions)):
        if entry.default is not MISSING:
            assert options[entry.name].default == entry.default, entry.name


@pytest.mark.parametrize("broken", ["json", "csv", "markdown", "worst"])
def test_what_cannot_be_written_leaves_the_others(broken, config, polyps, tmp_path):
    paths = {"json": "r.json", "csv": "r.csv", "markdown": "r.md", "worst": "r.png"}
    (tmp_path / f"{paths[broken]}.partial").mkdir()  # where a new file would be written first
    evaluation = evaluate_sets(config(polyps, **{key: tmp_path / name for key, name in paths.items()}))
    assert [type(problem) for problem in evaluation.problems] == [OutputUnwritableError]
    assert paths[broken] in str(evaluation.problems[0])
    assert {key for key, name in paths.items() if (tmp_path / name).is_file()} == set(paths) - {broken}


def test_a_picture_that_is_gone_costs_the_sheet_alone(config, polyps, tmp_path):
    def lose(done, total):
        if done == total:
            (polyps / "images" / "half.png").unlink()

    files = {"csv": tmp_path / "r.csv", "worst": tmp_path / "r.png"}
    evaluation = evaluate_sets(config(polyps, **files), progress=lose)
    assert [type(problem) for problem in evaluation.problems] == [DataError]
    assert (tmp_path / "r.csv").is_file()
    assert not (tmp_path / "r.png").exists()


def test_results_may_be_replaced_by_a_second_run(config, polyps, tmp_path):
    paths = {"json": "r.json", "csv": "r.csv", "markdown": "r.md", "worst": "r.jpg"}
    wanted = config(polyps, **{key: tmp_path / name for key, name in paths.items()})
    for _ in range(2):
        assert evaluate_sets(wanted).problems == ()


def test_sets_of_one_name_are_told_apart_by_their_paths(config, polyps, tmp_path):
    other = make_set(tmp_path / "more" / "polyps", {"whole": (BRIGHT, WHOLE)})
    evaluate_sets(config(polyps, other, json=tmp_path / "r.json"))
    assert [part["set"] for part in written(tmp_path / "r.json")["sets"]] == [str(polyps), str(other)]


@pytest.mark.parametrize("again", [".", "../polyps", "link"])
def test_one_set_twice_is_refused(again, config, polyps, tmp_path):
    (polyps / "link").symlink_to(polyps)
    with pytest.raises(OptionError, match="--data names one set twice"):
        evaluate_sets(config(polyps, polyps / again))


def test_the_working_directory_has_its_name(config, polyps, tmp_path, monkeypatch):
    monkeypatch.chdir(polyps)
    evaluate_sets(config(type(polyps)(), json=tmp_path / "r.json"))
    assert written(tmp_path / "r.json")["set"] == "polyps"


def test_every_set_is_looked_at_before_the_model_is_loaded(config, polyps, tmp_path):
    write(tmp_path / "late" / "images" / "a.png", DULL)
    (tmp_path / "late" / "masks").mkdir()
    with pytest.raises(DataError, match=r"a\.png has no mask"):
        evaluate_sets(config(polyps, tmp_path / "late", judged={"engine": "openvino"}), progress=pytest.fail)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"bootstrap": -1}, "--bootstrap must be from 0"),
        ({"bootstrap": 10**9}, "--bootstrap must be from 0"),
        ({"worst_count": 0}, "--worst-count must be from 1"),
        ({"worst_count": 101}, "--worst-count must be from 1"),
        ({"worst": "r.gif"}, "--worst must name a picture"),
        ({"markdown": "r.md", "csv": "r.md"}, "--csv and --markdown name the same file"),
        ({"json": "r.jpg", "worst": "r.jpg"}, "--json and --worst name the same file"),
    ],
    ids=str,
)
def test_wrong_options(options, words, config, polyps, tmp_path):
    places = {key: tmp_path / value if isinstance(value, str) else value for key, value in options.items()}
    with pytest.raises(OptionError, match=words):
        evaluate_sets(config(polyps, **places))


def test_without_a_set_there_is_nothing_to_do(config):
    with pytest.raises(OptionError, match="--data"):
        evaluate_sets(config())


def test_no_picture_of_a_foreign_file_is_overwritten(config, polyps, tmp_path):
    write(tmp_path / "mine.png", DULL)
    with pytest.raises(OSError, match="no earlier result"):
        evaluate_sets(config(polyps, worst=tmp_path / "mine.png"))


def test_the_terminal_shows_figures_with_intervals_below(config, polyps, negatives, capsys):
    console.tell_evaluation(evaluate_sets(config(polyps, negatives, sweep=True)))
    lines = capsys.readouterr().out.splitlines()
    (row,) = [index for index, line in enumerate(lines) if line.startswith("polyps ")]
    assert "0.750" in lines[row]
    assert "0.500-1.000" in lines[row + 1]
    # The columns stand below each other: figure and interval end at the same place.
    assert lines[row].index("0.750") + 5 == lines[row + 1].index("0.500-1.000") + 11
    assert any("recommended" in line for line in lines)
