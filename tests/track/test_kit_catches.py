"""The conformance kit is worth something: every planted bug is caught, and nothing else is."""

import subprocess
import sys
import textwrap
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

import pahcl_track.testing
from pahcl_track.testing import TrackerConformance
from support import broken_courses, broken_values
from support.sound_tracker import BROKEN

TESTS = Path(__file__).parents[1]
PROMISES = sorted(name for name in dir(TrackerConformance) if name.startswith("test_"))


SUITE = """
from pahcl_track import NullTracker
from pahcl_track.testing import Recorded, TrackerConformance
from support.sound_tracker import Conformance


class TestKeeping(Conformance):  # the control: a tracker without a bug
    pass


class TestWithoutReader(TrackerConformance):
    def make_tracker(self, tmp_path):
        return NullTracker()


class TestWithGaps(TrackerConformance):
    expected_failures = {
        "test_rows_arrive_in_order": "keeps nothing",
        "test_an_empty_row_is_taken": "so it was in an earlier version",
    }

    def make_tracker(self, tmp_path):
        return NullTracker()

    def read_back(self, tmp_path):
        return Recorded(rows=[(2, "loss", 0.5)])
"""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """What became of each test, by class and name: a word, and its message.

    A broken tracker runs under the one test that it has to fail, all others under every test.
    """
    folder = tmp_path_factory.mktemp("broken")
    settings = f"[pytest]\npythonpath = {TESTS}\n"
    (folder / "pytest.ini").write_text(settings, encoding="utf-8")
    (folder / "test_suite.py").write_text(SUITE, encoding="utf-8")
    report = folder / "report.xml"
    selected = [f"{planted.file}::{kind}::{planted.test}" for kind, planted in BROKEN.items()]
    options = ("-c", "pytest.ini", "-p", "no:cacheprovider", f"--junitxml={report}")
    result = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "test_suite.py", *selected],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert report.exists(), result.stdout + result.stderr
    return {
        (case.get("classname").rpartition(".")[2], case.get("name")): outcome(case)
        for case in ElementTree.parse(report).iter("testcase")
    }


def outcome(case):
    """How a test case of a report ended: `passed`, `failure`, `error` or `skipped`."""
    for child in case:
        if child.tag in ("failure", "error", "skipped"):
            return child.tag, child.get("message")
    return "passed", ""


@pytest.mark.parametrize("kind", BROKEN)
def test_a_planted_bug_is_caught(outcomes, kind):
    word, message = outcomes[kind, BROKEN[kind].test]

    assert word == "failure"
    assert not message.startswith(("NameError", "AttributeError")), "not the bug that is meant"


@pytest.mark.parametrize("test", PROMISES)
def test_a_sound_tracker_passes(outcomes, test):
    without_position = test == "test_a_new_run_is_at_position_zero"

    assert outcomes["TestKeeping", test][0] == ("skipped" if without_position else "passed")


def test_every_promise_has_a_planted_bug():
    assert {planted.file for planted in BROKEN.values()} == {
        Path(broken_values.__file__),
        Path(broken_courses.__file__),
    }
    assert {planted.test for planted in BROKEN.values()} == set(PROMISES)


def test_a_failure_shows_what_is_stored_and_what_was_logged(outcomes):
    """As in a test file of one's own, the values stand in the message."""
    _, message = outcomes["TestCountsForItself", "test_a_large_step_is_kept"]

    assert "what is stored is not what was logged" in message
    assert "(0, '0.5')" in message
    assert "(1000000000, '0.5')" in message


def test_without_a_reader_nothing_is_said_of_what_is_stored(outcomes):
    """Tests about the store are skipped with the reason; the others run."""
    found = {test: end for (kind, test), end in outcomes.items() if kind == "TestWithoutReader"}
    word, reason = found["test_rows_arrive_in_order"]

    assert word == "skipped"
    assert "read_back" in reason
    assert found["test_nothing_is_printed_on_standard_output"] == ("passed", "")
    assert set(found) == set(PROMISES)
    assert {word for word, _ in found.values()} == {"passed", "skipped"}


def test_a_declared_failure_is_expected(outcomes):
    declared = outcomes["TestWithGaps", "test_rows_arrive_in_order"]

    assert declared == ("skipped", "keeps nothing")
    assert outcomes["TestWithGaps", "test_a_step_that_comes_late_is_kept"][0] == "failure"


def test_a_declared_failure_that_passes_fails(outcomes):
    declared = outcomes["TestWithGaps", "test_an_empty_row_is_taken"]

    assert declared == ("failure", "[XPASS(strict)] so it was in an earlier version")


def test_a_declared_failure_of_no_test_is_refused():
    with pytest.raises(TypeError, match="no test 'test_rows_arrive_in_oder', did you mean "):

        class Misspelt(TrackerConformance):
            expected_failures = {"test_rows_arrive_in_oder": "…"}  # noqa: RUF012


@pytest.mark.parametrize("reason", ["", "  ", None, True])
def test_a_declared_failure_needs_a_reason(reason):
    with pytest.raises(TypeError, match="'test_rows_arrive_in_order' needs a reason"):
        type(
            "Silent",
            (TrackerConformance,),
            {"expected_failures": {"test_rows_arrive_in_order": reason}},
        )


def test_a_class_without_a_tracker_says_what_it_lacks(tmp_path):
    class Empty(TrackerConformance):
        pass

    with pytest.raises(NotImplementedError, match="Empty has to define make_tracker"):
        Empty().make_tracker(tmp_path)


def test_pytest_is_loaded_by_the_kit_alone_and_missed_in_plain_words():
    code = """
        import sys
        sys.modules["pytest"] = None
        import pahcl_track, pahcl_track.session, pahcl_track.discovery
        try:
            import pahcl_track.testing
        except ImportError as error:
            print(error)
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )

    assert "does not need: pip install pytest" in " ".join(result.stdout.split())


def test_all_that_an_author_needs_is_exported():
    assert set(pahcl_track.testing.__all__) == {"Recorded", "TrackerConformance"}
