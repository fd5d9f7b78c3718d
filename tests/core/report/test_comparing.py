"""Several runs on one page."""

import json

import numpy as np
import pytest

from pahcl_core.data.tasks import Task
from pahcl_core.errors import DataError, SettingError
from pahcl_core.evaluation.comparison import compared
from pahcl_core.evaluation.run_results import read_results
from pahcl_core.evaluation.wording import number_text, p_text, signed_text
from pahcl_core.report.comparing import _short, write_comparison
from pahcl_core.report.report import SYNTHETIC
from support.made_up_runs import made_up_answers, write_run, write_run_of_labels
from support.pages import Page


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs of one task, of which the second knows less."""
    folder = tmp_path_factory.mktemp("runs")
    found = []
    for name, skill, width in (("good", 2.0, 16), ("weak", 0.5, 32)):
        labels, probabilities = made_up_answers("circor_outcome", 40, seed=1, skill=skill)
        found.append(
            write_run(
                folder / name,
                labels=labels,
                probabilities=probabilities,
                config={"encoder": {"width": width}},
                metrics={"test_auroc": 0.25 + width / 100, "provenance": "real"},
            )
        )
    return found


@pytest.fixture(scope="module")
def page(runs, tmp_path_factory):
    return Page(write_comparison(runs, to=tmp_path_factory.mktemp("page") / "c.html"))


def test_the_differences_are_those_of_runs_compare(runs, page):
    (found,) = compared([one for run in runs for one in read_results(run)], "settings")

    for metric in ("auroc", "accuracy", "sensitivity"):
        one = found.metrics[metric]
        test = one.tests["bootstrap"]
        assert signed_text(test.difference) in page.texts
        assert f"{signed_text(test.low)} to {signed_text(test.high)}" in page.texts
        assert p_text(test.p) in page.texts
        assert number_text(one.first) in page.texts
    assert f"DeLong {p_text(found.metrics['auroc'].tests['delong'].p)}" in page.texts
    assert "nothing defined" not in page.text


def test_synthetic_figures_are_said_to_be(runs, page, tmp_path):
    """Where one of the runs is."""
    labels, probabilities = made_up_answers("circor_outcome", 40, seed=1)
    made_up = write_run(
        tmp_path / "made_up",
        labels=labels,
        probabilities=probabilities,
        metrics={"test_auroc": 0.5, "provenance": "synthetic"},
    )

    other = Page(write_comparison([runs[0], made_up], to=tmp_path / "c.html"))

    assert SYNTHETIC in other.text
    assert SYNTHETIC not in page.text


def test_what_names_have_in_common_is_left_out_of_charts():
    assert _short(["a_task_one_5", "a_task_other_5"]) == ["one_5", "other_5"]
    assert _short(["one", "other"]) == ["one", "other"]
    assert _short(["run_", "run_1"]) == ["run_", "1"]


def test_figures_stand_side_by_side_as_the_runs_wrote_them(page):
    row = page.texts.index("AUROC", page.texts.index("metric"))

    assert page.texts[row + 1 : row + 3] == ["0.410", "0.570"]


def test_settings_that_differ_are_told_and_no_others(page):
    begin = page.texts.index("setting")

    assert page.texts[begin : begin + 6] == ["setting", "good", "weak", "encoder.width", "16", "32"]
    assert "task" not in page.texts[begin:]


def test_it_is_one_page_without_scripts(page):
    assert not page.unbalanced
    assert not page.all("script")
    assert len(page.all("polyline")) == 2  # one ROC each
    assert all(one["role"] == "img" for one in page.all("svg"))


def test_runs_that_cannot_be_compared_stand_side_by_side_all_the_same(runs, tmp_path):
    labels, probabilities = made_up_answers("circor_murmur", 30, seed=2)
    other = write_run(
        tmp_path / "<b>other", task="circor_murmur", labels=labels, probabilities=probabilities
    )

    page = Page(write_comparison([runs[0], other], to=tmp_path / "c.html"))

    assert any("they cannot be compared" in one for one in page.texts)
    assert "the runs are not of one task" in page.texts
    assert "<b>other" in page.texts
    assert not page.all("b")


def test_runs_of_one_name_are_told_apart_by_their_folders(runs, tmp_path):
    labels, probabilities = made_up_answers("circor_outcome", 40, seed=3)
    other = write_run(tmp_path / "good", labels=labels, probabilities=probabilities)

    page = Page(write_comparison([runs[0], other], to=tmp_path / "c.html"))

    assert str(other) in page.texts
    assert str(runs[0]) in page.texts


def test_what_is_no_comparison_is_refused(runs, tmp_path):
    to = tmp_path / "c.html"
    with pytest.raises(SettingError, match="one run cannot be compared; give at least two"):
        write_comparison(runs[:1], to=to)
    with pytest.raises(SettingError, match="a run is given twice"):
        write_comparison([runs[0], runs[0]], to=to)
    with pytest.raises(DataError, match="nowhere: there is no such run"):
        write_comparison([runs[0], tmp_path / "nowhere"], to=to)
    assert not to.exists()


def test_a_file_that_is_no_page_of_ours_is_left_alone(runs, tmp_path):
    to = tmp_path / "notes.html"
    to.write_text("mine")

    with pytest.raises(DataError, match=r"notes\.html: is there already, and is no report"):
        write_comparison(runs, to=to)

    assert to.read_text() == "mine"


def test_a_page_of_ours_is_replaced(runs, page, tmp_path):
    to = tmp_path / "c.html"
    write_comparison(runs, to=to)
    metrics = runs[0] / "final_metrics.json"
    before = metrics.read_text()
    metrics.write_text(json.dumps(json.loads(before) | {"test_auroc": 0.125}))
    try:
        assert "0.125" in Page(write_comparison(runs, to=to)).texts
    finally:
        metrics.write_text(before)


def test_of_several_labels_each_has_its_differences_and_its_curves(tmp_path):
    task = Task(name="sounds", labels=("murmur", "late"), classes=("no", "yes"), positive="yes")
    directories = []
    for name, seed in (("one", 0), ("other", 1)):
        rng = np.random.default_rng(seed)
        told = {
            label: {f"u{n}": (("no", "yes")[n % 2], float(rng.random())) for n in range(num)}
            for label, num in (("murmur", 24), ("late", 12))
        }
        directories.append(
            write_run_of_labels(tmp_path / name, task=task, told=told, config={"lr": seed})
        )

    page = Page(write_comparison(directories, to=tmp_path / "c.html"))

    (found,) = compared([one for run in directories for one in read_results(run)], "settings")
    for label, title in (("murmur", "AUROC, murmur"), ("late", "AUROC, late")):
        test = found.metrics[f"auroc_{label}"].tests["bootstrap"]
        row = page.texts.index(title, page.texts.index("other tests, p"))
        assert page.texts[row + 1] == signed_text(test.difference)
        assert f"ROC of the test, {label}" in page.texts
    assert len(page.all("polyline")) == 4
