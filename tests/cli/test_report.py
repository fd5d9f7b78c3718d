"""`pahcl report`, on runs that nobody ran."""

import pytest

from pahcl_core.report import report
from pahcl_core.report.report import write_report
from support.made_up_runs import made_up_answers, write_run
from support.pages import Page


@pytest.fixture
def runs(tmp_path):
    found = []
    for name, skill in (("good", 2.0), ("weak", 0.5)):
        labels, probabilities = made_up_answers("circor_outcome", 40, seed=1, skill=skill)
        config = {"encoder": {"width": int(16 * skill)}}
        found.append(
            write_run(tmp_path / name, labels=labels, probabilities=probabilities, config=config)
        )
    return found


def test_a_page_is_written_into_the_run_and_named(cli, runs):
    result = cli("report", runs[0])

    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"{runs[0] / 'report.html'}: 0.")
    assert "good" in Page(runs[0] / "report.html").texts


def test_a_page_is_written_where_it_is_wanted(cli, runs, tmp_path):
    assert cli("report", runs[0], "--to", tmp_path / "a.html").exit_code == 0

    assert (tmp_path / "a.html").is_file()
    assert not (runs[0] / "report.html").exists()


@pytest.mark.parametrize(
    ("options", "sounds"), [([], None), (["--sounds"], True), (["--no-sounds"], False)]
)
def test_whose_sound_is_held_is_the_run_s_to_say_unless_it_is_asked_for(
    cli, runs, monkeypatch, options, sounds
):
    """Unasked, the sound of one's own patients is not."""
    told = {}

    def write(run, **given):
        told.update(given)
        return write_report(run, **given)

    monkeypatch.setattr(report, "write_report", write)
    result = cli("report", runs[0], *options)

    assert result.exit_code == 0, result.output
    assert told["sounds"] is sounds


def test_several_runs_are_compared_here(cli, runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    result = cli("report", *runs)

    assert result.exit_code == 0, result.output
    assert "2 runs" in Page(tmp_path / "comparison.html").texts


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["nowhere"], 1, "error: nowhere: there is no such run"),
        (["{0}", "{0}"], 2, "error: a run is given twice; it cannot be compared with itself"),
        (["{0}", "{1}", "--data-dir", "x"], 2, "error: a comparison shows no recordings"),
        (["{0}", "--to", "no/such/folder.html"], 1, "folder.html: cannot be written: No such file"),
    ],
)
def test_a_mistake_is_one_line(cli, runs, arguments, code, told):
    result = cli("report", *(one.format(*runs) for one in arguments))

    assert result.exit_code == code
    assert told in result.output
    assert result.output.count("\n") == 1
