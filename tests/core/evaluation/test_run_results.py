"""`predictions.csv` read back: to the bit where it is whole, by row where it is not."""

import json

import numpy as np
import pytest

from oracles.patient_scores import scores_from_file
from pahcl_core.data.tasks import TASKS
from pahcl_core.errors import DataError, SettingError
from pahcl_core.evaluation.recomputing import recomputed
from pahcl_core.evaluation.run_results import read_predictions, read_result
from support.made_up_runs import made_up_answers, write_run

TASK = TASKS["circor_outcome"]


@pytest.fixture
def run(tmp_path):
    labels, rows = made_up_answers("circor_outcome", 12, seed=0)
    return write_run(tmp_path / "one", labels=labels, probabilities=rows)


def test_what_was_written_is_read_to_the_bit(run):
    labels, rows = made_up_answers("circor_outcome", 12, seed=0)

    result = read_result(run)

    assert list(result.parts[""]) == ["train", "test"]
    test = result.parts[""]["test"]
    assert np.array_equal(test.probabilities, rows)
    assert [TASK.classes[label] for label in test.labels] == labels
    assert test.ids[:2] == test.persons[:2] == ("u0", "u1")
    assert result.parts[""]["train"].persons == ("t0", "t1")


def test_extra_columns_are_attributes_where_the_collection_has_them(run):
    path = run / "predictions.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0] + ",sex", *(line + ",Male" for line in lines[1:])]) + "\n")

    attributes = read_predictions(path, TASK)["test"].attributes

    assert attributes["sex"] == ("Male",) * 12
    assert attributes["age"] == ("",) * 12


def changed(path, row, column, value):
    """The table with another cell in a line, counted from 1."""
    lines = [line.split(",") for line in path.read_text().splitlines()]
    lines[row - 1][lines[0].index(column)] = value
    path.write_text("\n".join(",".join(line) for line in lines) + "\n")


@pytest.mark.parametrize(
    ("row", "column", "value", "message"),
    [
        (5, "p_Normal", "nan", "row 5: p_Normal 'nan' is no probability"),
        (5, "p_Normal", "", "row 5: p_Normal '' is no probability"),
        (5, "p_Normal", "-0.1", "row 5: p_Normal '-0.1' is no probability"),
        (5, "p_Normal", "0.0001", "row 5: the probabilities add up to"),
        (5, "split", "dev", "row 5: split 'dev' is not one of train, val, test"),
        (5, "label", "Ill", "row 5: label 'Ill' is not one of Normal, Abnormal"),
        (5, "prediction", "Ill", "row 5: prediction 'Ill' is not one of Normal, Abnormal"),
        (5, "subject_id", "u0", "row 5: 'u0' is in test twice"),
        (5, "person_id", "t0", "row 5: person 't0' is in train and in test"),
        (1, "p_Normal", "p_Healthy", "has no column 'p_Normal'"),
    ],
)
def test_a_row_that_makes_no_sense_is_named(run, row, column, value, message):
    changed(run / "predictions.csv", row, column, value)

    with pytest.raises(DataError, match=message):
        read_result(run)


def test_a_table_that_is_cut_short_is_refused(run):
    path = run / "predictions.csv"
    whole = path.read_text()
    path.write_text(whole[:-30])
    with pytest.raises(DataError, match="row 15: has 6 fields, not 7"):
        read_result(run)
    path.write_text("".join(whole.splitlines(keepends=True)[:-1]))  # at the end of a line
    with pytest.raises(DataError, match="has 11 rows of test, but the run had 12"):
        read_result(run)
    path.write_text(whole.splitlines(keepends=True)[0])
    with pytest.raises(DataError, match="has no rows"):
        read_result(run)
    path.unlink()
    with pytest.raises(DataError, match=r"predictions.csv: cannot be read: No such file"):
        read_result(run)


def test_a_class_that_the_task_does_not_have_is_refused(run):
    path = run / "predictions.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0] + ",p_Dead", *(one + ",0" for one in lines[1:])]) + "\n")

    with pytest.raises(DataError, match="columns p_Dead, which are no classes of circor_outcome"):
        read_result(run)


def test_a_run_without_a_result_says_why(run, tmp_path):
    with pytest.raises(DataError, match="nowhere: there is no such run"):
        read_result(tmp_path / "nowhere")
    metrics = json.loads((run / "final_metrics.json").read_text())
    (run / "final_metrics.json").write_text(json.dumps({**metrics, "task": "pretrain"}))
    with pytest.raises(DataError, match="is no fine-tuning"):
        read_result(run)
    (run / "final_metrics.json").write_text(json.dumps({**metrics, "task": "circor_murmurs"}))
    with pytest.raises(SettingError, match="did you mean 'circor_murmur'"):
        read_result(run)
    (run / "final_metrics.json").write_text("{")
    with pytest.raises(DataError, match=r"final_metrics.json: is no JSON"):
        read_result(run)
    (run / "final_metrics.json").unlink()
    (run / "journal.jsonl").write_text('{"n":0,"t":0,"run":{"config":{"task":"pascal"}}}\n')
    with pytest.raises(DataError, match="has no result yet; it is interrupted: it ended without"):
        read_result(run)


@pytest.mark.parametrize("task", ["circor_outcome", "circor_murmur"])
def test_metrics_follow_from_the_predictions(tmp_path, task):
    """Written by an oracle that reads the file; one that was changed afterwards is found."""
    labels, rows = made_up_answers(task, 30, seed=2)
    run = write_run(tmp_path / task, task=task, labels=labels, probabilities=rows)
    path = run / "predictions.csv"
    expected = scores_from_file(path, "test", TASKS[task].positive)

    found = recomputed(read_result(run))

    assert found.num_equal == 0  # the made-up run has another AUROC, and nothing else
    again = {name.removeprefix("test_"): now for name, (_, now) in found.differing.items()}
    for name, value in expected.items():
        assert again[name] == pytest.approx(value, rel=1e-12), name
    metrics = json.loads((run / "final_metrics.json").read_text())
    (run / "final_metrics.json").write_text(
        json.dumps({**metrics, **{f"test_{name}": value for name, value in again.items()}})
    )
    assert recomputed(read_result(run)).differing == {}
    (run / "final_metrics.json").write_text(
        json.dumps({**metrics, **{f"test_{n}": v for n, v in again.items()}, "test_f1": 0.25})
    )
    assert list(recomputed(read_result(run)).differing) == ["test_f1"]
