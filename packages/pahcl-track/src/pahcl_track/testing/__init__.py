"""The conformance kit: what is promised of every tracker, as tests that run on yours.

    class TestMyTracker(TrackerConformance):
        def make_tracker(self, tmp_path):
            return MyTracker()

`read_back` makes the tests look into what your tracker stored; without it they can only see that
nothing raises, and those that are about what is stored are skipped, which `pytest -rs` shows.
"""

try:
    import pytest
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "pahcl_track.testing is a set of tests for pytest, which pahcl-track itself does not "
        "need: pip install pytest",
        name=error.name,
    ) from error

# A failed assertion in the kit is to show its values, as one in a test file does.
pytest.register_assert_rewrite(
    "pahcl_track.testing.ground",
    "pahcl_track.testing.values_promised",
    "pahcl_track.testing.course_promised",
    "pahcl_track.testing.session_promised",
)

from pahcl_track.testing.conformance import TrackerConformance  # noqa: E402
from pahcl_track.testing.ground import Recorded  # noqa: E402

__all__ = ["Recorded", "TrackerConformance"]
