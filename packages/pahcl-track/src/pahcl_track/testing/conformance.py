"""All promises together: the class that the tests of a tracker are derived from."""

from pahcl_track.testing.course_promised import CoursePromised
from pahcl_track.testing.session_promised import SessionPromised
from pahcl_track.testing.values_promised import ValuesPromised


class TrackerConformance(ValuesPromised, CoursePromised, SessionPromised):
    """Tests of one tracker; to be derived from in a test file, with `make_tracker` defined.

    Each test is one promise: of the protocol (`pahcl_track.Tracker`) when the tracker is called
    directly, and of a `pahcl_track.Session` around it. A promise that the tracker cannot keep is
    named in `expected_failures` with the reason; the day it is kept, its test fails until the entry
    is taken out.
    """
