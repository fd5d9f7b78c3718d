"""The page of a run, made of files that nobody ran."""

import itertools
import json

import pytest

from pahcl_core.data.tasks import task_named
from pahcl_core.errors import DataError
from pahcl_core.evaluation.run_results import read_result
from pahcl_core.report.report import report_at_end, write_report
from pahcl_core.training.assessment import assess
from pahcl_core.training.scoring import score_answers
from support.made_up_runs import BEGUN_S, made_up_answers, write_run
from support.pages import Page

HOSTILE = "<script>alert(1)</script>\"'&"


def finished_run(directory, *, task="circor_outcome", num=60, seed=1, **options):
    """A run with all that a fine-tuning writes of its figures."""
    labels, probabilities = made_up_answers(task, num, seed=seed)
    write_run(directory, task=task, labels=labels, probabilities=probabilities, **options)
    found = read_result(directory)
    answers = found.parts[""]["test"]
    metrics = json.loads((directory / "final_metrics.json").read_text())
    scores = score_answers(answers, found.task)
    metrics |= {f"test_{name}": value for name, value in scores.values.items()}
    metrics |= {"provenance": "real", "best_epoch": 2, "selected_by": "val_auroc"}
    metrics |= assess({"test": answers}, found.task, num_resamples=20)
    (directory / "final_metrics.json").write_text(json.dumps(metrics))
    return directory


def log_epochs(directory, values):
    """Put epochs into the journal, before its end."""
    path = directory / "journal.jsonl"
    begin, end = path.read_text().splitlines()
    rows = [
        {"n": 1 + i, "t": BEGUN_S + i, "step": 10 * i, "values": {"epoch": i, **row}}
        for i, row in enumerate(values, start=1)
    ]
    path.write_text("\n".join([begin, *map(json.dumps, rows), end]) + "\n")


def page_of(directory):
    return Page(write_report(directory))


def test_a_report_tells_the_figures_of_the_run_and_needs_nothing_else(tmp_path):
    directory = finished_run(tmp_path / "one")
    log_epochs(directory, [{"train/loss": 1.5, "val/loss": 1.25, "val/auroc": 0.5}] * 3)
    metrics = json.loads((directory / "final_metrics.json").read_text())

    page = page_of(directory)

    low, high = metrics["intervals"]["test"]["auroc"]
    figure = f"{metrics['test_auroc']:.3f} ({low:.3f} to {high:.3f})"
    assert figure in page.texts
    assert "Test, with intervals" in page.texts
    assert f"test, {metrics['n']['test']} patients" in page.texts
    assert not page.unbalanced
    assert not page.all("script")
    addresses = [one.get("href") or one.get("src") for _, one in page.elements]
    assert all(a is None or a.startswith(("#", "data:")) for a in addresses)
    headings = {"Summary", "Learning curves", "Metrics", "ROC and precision-recall"}
    headings |= {"Confusion matrix", "Calibration", "Settings", "Environment and provenance"}
    assert headings <= set(page.texts)


@pytest.mark.parametrize(("last_s", "told"), [(75, ["1 min 15 s"]), (-75, [])])
def test_a_clock_that_was_set_back_tells_no_duration(tmp_path, last_s, told):
    directory = finished_run(tmp_path / "one")
    log_epochs(directory, [{"val/loss": 1.25}])
    journal = directory / "journal.jsonl"
    begin, row, _ = journal.read_text().splitlines()
    row = json.dumps(json.loads(row) | {"t": BEGUN_S + last_s})
    journal.write_text("\n".join([begin, row, ""]))

    texts = page_of(directory).texts

    assert [texts[i + 1] for i, text in enumerate(texts) if text == "took"] == told


def test_every_figure_says_what_it_shows(tmp_path):
    directory = finished_run(tmp_path / "one", task="circor_murmur")
    log_epochs(directory, [{"train/loss": 1.5, "val/loss": 1.25}] * 2)

    page = page_of(directory)

    figures = page.all("svg")
    ids = [attributes.get("id") for _, attributes in page.elements if attributes.get("id")]
    assert len(figures) >= 5
    assert len(ids) == len(set(ids))
    for figure in figures:
        assert figure["role"] == "img"
        assert set(figure["aria-labelledby"].split()) <= set(ids)
    assert len(page.all("title")) == len(figures) + 1
    assert len(page.all("desc")) == len(figures)


def test_the_matrix_is_that_of_the_predictions(tmp_path):
    directory = finished_run(tmp_path / "one", num=40)
    metrics = json.loads((directory / "final_metrics.json").read_text())
    counts = [str(n) for row in metrics["confusion_matrix"]["test"] for n in row]

    texts = page_of(directory).texts

    begin = texts.index("true")
    shown = [one for one in texts[begin : begin + 13] if one.isdigit()]
    assert shown == counts


def test_the_reliability_is_also_there_in_numbers(tmp_path):
    directory = finished_run(tmp_path / "one", num=60)
    right = json.loads((directory / "final_metrics.json").read_text())["test_accuracy"]

    texts = page_of(directory).texts

    heads = ["probability", "share right", "n"]
    (begin,) = (i for i in range(len(texts)) if texts[i : i + 3] == heads)
    numbers = list(itertools.takewhile(lambda one: one[0].isdigit(), texts[begin + 3 :]))
    assert sum(map(int, numbers[2::3])) == 60
    found = sum(float(s) * int(n) for s, n in zip(numbers[1::3], numbers[2::3], strict=True))
    assert found / 60 == pytest.approx(right, abs=0.001)


def test_nothing_from_a_run_is_taken_for_markup(tmp_path):
    directory = finished_run(
        tmp_path / "<script>alert(2)<",
        tags=[HOSTILE],
        group=HOSTILE,
        config={HOSTILE: HOSTILE, "data_dir": HOSTILE},
        metrics={"undefined": {"test_f1": HOSTILE}, "versions": {HOSTILE: HOSTILE}},
    )
    (directory / "train.log").write_text(f"2026-01-01 00:00:00,000 WARNING {HOSTILE}\n")
    log_epochs(directory, [{"val/loss": 1.25, f"val/{HOSTILE}": 0.5}] * 2)

    page = page_of(directory)

    assert not page.all("script")
    assert not page.unbalanced
    assert page.text.count("<script>alert(1)") >= 8


def test_the_area_of_the_drawn_precision_is_the_auprc(tmp_path):
    directory = finished_run(tmp_path / "one")
    metrics = json.loads((directory / "final_metrics.json").read_text())

    lines = [one["points"] for one in page_of(directory).all("polyline")]

    points = [tuple(map(float, pair.split(","))) for pair in lines[1].split()]
    (left, top), right = min(points), max(x for x, _ in points)
    bottom = top + (right - left) * 282 / 284  # of the plane, in pixels: 330 - 10 - 38 by 340 - 56
    area = sum((x1 - x0) * (bottom - y1) for (x0, _), (x1, y1) in itertools.pairwise(points))
    whole = (right - left) * (bottom - top)
    assert area / whole == pytest.approx(metrics["test_auprc"], abs=2e-3)


def test_a_run_that_is_about_to_end_is_told_as_complete(tmp_path):
    directory = finished_run(tmp_path / "one")
    (directory / "resume.pt").write_bytes(b"")

    assert "Confusion matrix" not in page_of(directory).texts
    page = Page(report_at_end(directory))
    assert "Confusion matrix" in page.texts
    assert not any("The run is" in one for one in page.texts if "complete" not in one)


def test_settings_are_written_as_they_are_set(tmp_path):
    config = {"training": {"epochs": 3}, "compile": False, "tags": ["a", "b"]}
    texts = page_of(finished_run(tmp_path / "one", config=config)).texts

    assert texts[texts.index("training.epochs") + 1] == "3"
    assert texts[texts.index("compile") + 1] == "false"
    assert texts[texts.index("tags") + 1] == '["a", "b"]'


def test_secrets_in_settings_are_not_told(tmp_path):
    directory = finished_run(tmp_path / "one", config={"tracking": {"api_key": "abcdefgh1234"}})

    text = write_report(directory).read_text()

    assert "tracking.api_key" in text
    assert "abcdefgh1234" not in text


def test_a_pretraining_has_curves_and_says_what_it_cannot_have(tmp_path):
    directory = tmp_path / "pre"
    directory.mkdir()
    run = {"name": "pre", "tags": [], "job_type": "pretrain", "config": {"seed": 3}}
    events = [{"n": 0, "t": BEGUN_S, "run": run}, {"n": 1, "t": BEGUN_S + 1, "finish": {
        "status": "completed", "error": None, "summary": {}}}]  # fmt: skip
    (directory / "journal.jsonl").write_text("".join(json.dumps(one) + "\n" for one in events))
    metrics = {"task": "pretrain", "unit": "cycle", "n": {"train": 9, "val": 4}, "val_loss": 0.75}
    (directory / "final_metrics.json").write_text(json.dumps(metrics))
    log_epochs(directory, [{"train/loss": 1.5, "val/loss": 0.75, "val/retrieval": 0.5}] * 3)

    page = page_of(directory)

    assert "Of 4 validation cycles." in page.texts
    assert "0.750" in page.texts
    assert any("a pretraining uses no labels" in one for one in page.texts)
    assert "Confusion matrix" not in page.texts
    assert len(page.all("svg")) == 2


def test_a_run_that_failed_is_told_as_such(tmp_path):
    directory = finished_run(tmp_path / "one")
    (directory / "final_metrics.json").unlink()
    path = directory / "journal.jsonl"
    path.write_text(
        path.read_text().replace('"completed", "error": null', '"failed", "error": "no"')
    )

    page = page_of(directory)

    assert "The run is failed: no." in page.texts
    assert "the run has no result yet; it is failed" in page.texts


def test_predictions_that_are_gone_cost_their_sections_alone(tmp_path):
    directory = finished_run(tmp_path / "one")
    (directory / "predictions.csv").unlink()

    page = page_of(directory)

    assert any("predictions.csv" in one for one in page.texts)
    assert "Metrics" in page.texts
    assert "Confusion matrix" not in page.texts


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"nowhere: there is no such run"):
        write_report(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: is no run: it has neither settings nor metrics"):
        write_report(tmp_path / "empty")
    directory = finished_run(tmp_path / "one")
    with pytest.raises(DataError, match=r"x\.html: cannot be written: No such file"):
        write_report(directory, to=tmp_path / "missing" / "x.html")
    (directory / "final_metrics.json").write_text("{")
    with pytest.raises(DataError, match=r"final_metrics\.json: is no JSON"):
        write_report(directory)


def test_the_operating_point_is_told_and_marked(tmp_path):
    point = {"rule": "youden", "class": "Abnormal", "threshold": 0.25, "chosen_for": "val_youden"}
    directory = finished_run(tmp_path / "one", metrics={"operating_point": {**point, "value": 0.5}})

    page = page_of(directory)

    assert any("Abnormal is said from a probability of 0.25 on" in one for one in page.texts)
    spots = [one for one in page.all("polygon") if one["class"].startswith("spot")]
    assert len(spots) == 2
    assert task_named("circor_outcome").positive == "Abnormal"


def test_a_study_has_the_curves_of_its_runs_one_over_the_other(tmp_path):
    directory = finished_run(tmp_path / "study")
    members = [{"name": f"fold_{n}/seed_0"} for n in (1, 2)] + [{"name": "../elsewhere"}]
    for one in members:  # the last one lies outside, and is not looked at
        inside = finished_run(directory / one["name"], seed=3)
        log_epochs(inside, [{"val/loss": 1.0, "val/auroc": 0.5}] * 3)
    (directory / "journal.jsonl").unlink()
    path = directory / "final_metrics.json"
    metrics = json.loads(path.read_text())
    path.write_text(json.dumps(metrics | {"runs": members, "seeds": [0]}))
    rows = (directory / "predictions.csv").read_text().splitlines()
    rows = [f"{row},{'seed' if number == 0 else '0'}" for number, row in enumerate(rows)]
    (directory / "predictions.csv").write_text("\n".join(rows) + "\n")
    (directory / "study.toml").write_text('task = "circor_outcome"\nseed = 0\n')

    page = page_of(directory)

    thin = [one for one in page.all("polyline") if "thin" in one["class"]]
    assert len(thin) == 4  # two metrics of the two runs inside
    assert any("after each epoch of 2 runs" in one for one in page.texts)
    assert "Of 60 patients, each told by runs that did not train on them; one seed." in page.text
