"""Trackers by name: what is installed, what is refused, and what nobody is troubled by."""

import pytest

from pahcl_track import (
    NullTracker,
    Tracker,
    TrackerError,
    installed_trackers,
    load_tracker,
)
from pahcl_track.discovery import InstalledTracker
from support.distributions import METHODS

BUILT_IN = {"console": "Console", "journal": "Journal", "null": "Null", "wandb": "Wandb"}


def test_the_built_in_trackers_are_installed_like_any():
    """From the metadata of the distribution, which is really installed here."""
    found = [one for one in installed_trackers() if one.distribution == "pahcl-track"]

    assert [one.name for one in found] == list(BUILT_IN)
    for one in found:
        assert one.entry == f"pahcl_track.backends.{one.name}:{BUILT_IN[one.name]}Tracker"
        assert one.version == "0.1.0"


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_built_in_tracker_can_be_made(name):
    tracker = load_tracker(name)

    assert isinstance(tracker, Tracker)
    assert type(tracker).__name__ == f"{BUILT_IN[name]}Tracker"


def test_a_third_partys_tracker_is_found(installed_plugin, monkeypatch):
    """From the wheel that pip built and installed."""
    monkeypatch.syspath_prepend(installed_plugin.path)
    entry = "pahcl_tracker_csv:CsvTracker"

    assert InstalledTracker(
        name=installed_plugin.name,
        distribution=installed_plugin.distribution,
        version=installed_plugin.version,
        entry=entry,
    ) in (installed_trackers())
    assert isinstance(load_tracker(installed_plugin.name), Tracker)


def test_trackers_are_listed_in_the_order_of_their_names(install):
    install("alpha", distribution="zz")
    install("alpha", distribution="aa")

    found = [(one.name, one.distribution) for one in installed_trackers()]
    assert found[:2] == [("alpha", "aa"), ("alpha", "zz")]
    assert found == sorted(found)


def test_a_registration_that_is_found_twice_is_one(install, tmp_path, monkeypatch):
    """A source tree and its installation can both be on the path."""
    install("mine", f"class Mine:\n{METHODS}")
    other = tmp_path / "again"
    info = "tracker_mine-1.2.dist-info"
    (other / info).mkdir(parents=True)
    for file in ("METADATA", "entry_points.txt"):
        (other / info / file).write_text((tmp_path / info / file).read_text())
    monkeypatch.syspath_prepend(other)

    assert [one.name for one in installed_trackers()].count("mine") == 1
    assert load_tracker("mine")


def test_an_unknown_name_comes_with_the_closest_and_all_of_them(install):
    install("mine")
    with pytest.raises(
        TrackerError,
        match=r"^no tracker named 'wndb', did you mean 'wandb'\?; "
        r"installed trackers: (.*, )?console, (.*, )?journal, mine, null, wandb$",
    ):
        load_tracker("wndb")


def test_a_name_like_no_other(install):
    with pytest.raises(TrackerError, match=r"^no tracker named 'xyzzy'; installed trackers: "):
        load_tracker("xyzzy")


def test_a_name_that_two_distributions_claim(install):
    """Names both; others are not concerned."""
    for distribution in ("second-tracker", "first-tracker"):
        install("mine", f"class Mine:\n{METHODS}", distribution=distribution)
    install("wandb", distribution="other-wandb")

    with pytest.raises(
        TrackerError,
        match=r"^the tracker 'mine' is claimed by first-tracker and second-tracker: "
        r"uninstall one of them$",
    ):
        load_tracker("mine")
    with pytest.raises(TrackerError, match="claimed by other-wandb and pahcl-track"):
        load_tracker("wandb")
    assert isinstance(load_tracker("null"), NullTracker)


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("import not_there_at_all", "No module named 'not_there_at_all'"),
        ("raise RuntimeError('half installed')", "half installed"),
        ("raise SystemExit(3)", "3"),
        ("1 +", "invalid syntax"),
        ("Yours = 1", "has no attribute 'Mine'"),
        ("raise ValueError", "ValueError"),
    ],
)
def test_a_tracker_that_cannot_be_imported(install, code, cause):
    """Names its distribution; listing it and loading others go on."""
    install("mine", code)

    with pytest.raises(
        TrackerError,
        match=rf"^the tracker 'mine' of tracker-mine cannot be imported: .*{cause}",
    ):
        load_tracker("mine")
    assert "mine" in [one.name for one in installed_trackers()]
    assert isinstance(load_tracker("null"), NullTracker)


def test_a_distribution_that_was_half_removed(install):
    install("mine", metadata=False)
    (found,) = [one for one in installed_trackers() if one.name == "mine"]

    assert (found.distribution, found.version) == ("unknown", "unknown")
    assert isinstance(load_tracker("null"), NullTracker)


def test_a_tracker_that_cannot_be_made(install):
    install("mine", "def Mine():\n    raise OSError('no disk')")

    with pytest.raises(
        TrackerError, match=r"^the tracker 'mine' of tracker-mine cannot be made: no disk$"
    ):
        load_tracker("mine")


@pytest.mark.parametrize(
    ("entry", "kind"), [("module_of_tracker_mine", "module"), ("module_of_tracker_mine:N", "int")]
)
def test_what_is_no_class_makes_no_tracker(install, entry, kind):
    install("mine", "N = 5", entry=entry)

    with pytest.raises(
        TrackerError,
        match=rf"^the tracker 'mine' of tracker-mine cannot be made: its entry point '{entry}' "
        rf"names a {kind}, not a class or a function: write module:Class$",
    ):
        load_tracker("mine")


def test_a_tracker_that_knows_why_is_quoted(install):
    install(
        "mine",
        "from pahcl_track import TrackerError\ndef Mine():\n    raise TrackerError('use B')",
    )

    with pytest.raises(TrackerError, match=r"^use B$"):
        load_tracker("mine")


@pytest.mark.parametrize(
    ("given", "instead", "message"),
    [
        ("def start(self, run): pass", "", r"has no method 'start'"),
        ("def finish(self, outcome): pass", "finish = 3", r"has no method 'finish'"),
        (
            "def log(self, values, *, step): pass",
            "def log(self, values): pass",
            r"its method 'log' does not take what pahcl_track\.Tracker gives it: "
            r"got an unexpected keyword argument 'step'",
        ),
        (
            "def log(self, values, *, step): pass",
            "def log(self, *, step, values): pass",
            r"its method 'log' does not take .*: too many positional arguments",
        ),
        (
            "def save(self, path, *, kind): pass",
            "def save(self, path, *, kind, name): pass",
            r"its method 'save' does not take .*: missing a required (keyword-only )?argument: "
            r"'name'",
        ),
        (
            "def start(self, run): pass",
            "def start(self): pass",
            r"its method 'start' does not take .*: too many positional arguments",
        ),
        (
            "def finish(self, outcome): pass",
            "def finish(self): pass",
            r"its method 'finish' does not take .*: too many positional arguments",
        ),
        (
            "def log(self, values, *, step): pass",
            "async def log(self, values, *, step): pass",
            r"its method 'log' does nothing when it is called, but returns what nobody awaits: "
            r"write it without async and yield",
        ),
        (
            "def start(self, run): pass",
            "def start(self, run): yield",
            r"its method 'start' does nothing when it is called, .*",
        ),
        (
            "def finish(self, outcome): pass",
            "async def finish(self, outcome): yield",
            r"its method 'finish' does nothing when it is called, .*",
        ),
    ],
)
def test_what_would_fail_hours_later_is_refused_now(install, given, instead, message):
    assert given in METHODS
    install("mine", f"class Mine:\n    pass\n{METHODS.replace(given, instead)}")

    with pytest.raises(TrackerError, match=rf"^the tracker 'mine' of tracker-mine:? {message}$"):
        load_tracker("mine")


@pytest.mark.parametrize(
    "log",
    [
        "def log(self, *args, **kwargs): pass",
        "def log(self, values, step=0, extra=None): pass",
        "log = max",  # written in C: nobody can tell
    ],
)
def test_other_ways_to_take_it_are_as_good(install, log):
    methods = METHODS.replace("def log(self, values, *, step): pass", log)
    install("mine", f"class Mine:\n    pass\n{methods}")

    assert load_tracker("mine")


def test_every_public_name_can_be_imported():
    import pahcl_track

    for name in pahcl_track.__all__:
        assert getattr(pahcl_track, name) is not None
    with pytest.raises(AttributeError, match="module 'pahcl_track' has no attribute 'Sesion'"):
        pahcl_track.Sesion  # noqa: B018
