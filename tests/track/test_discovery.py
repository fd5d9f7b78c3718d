"""Trackers by name: what is installed, what is refused, and what nobody is troubled by."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pahcl_track import (
    NullTracker,
    Tracker,
    TrackerError,
    installed_trackers,
    load_tracker,
    parse_options,
)
from pahcl_track.discovery import InstalledTracker, declared_options

BUILT_IN = {"console": "Console", "journal": "Journal", "null": "Null", "wandb": "Wandb"}

METHODS = """
    def start(self, run): pass
    def log(self, values, *, step): pass
    def save(self, path, *, kind): pass
    def finish(self, outcome): pass
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Lay a distribution out as an installer does: its metadata, and its one module."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(name, code="", *, distribution=None, entry=None, metadata=True):
        distribution = distribution or f"tracker-{name}"
        module = f"module_of_{distribution.replace('-', '_')}"
        info = tmp_path / f"{distribution.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        if metadata:
            text = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n"
            (info / "METADATA").write_text(text)
        entry = entry or f"{module}:Mine"
        (info / "entry_points.txt").write_text(f"[pahcl.trackers]\n{name} = {entry}\n")
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(code))
        monkeypatch.delitem(sys.modules, module, raising=False)
        return module

    return install


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


OPTIONS = f"""
from pathlib import Path
from typing import Literal, Optional, Union
class Mine:
    def __init__(
        self, text: str = "", *, number: int = 0, rate: float = 0.0, on: bool = False,
        place: Path = Path(), kind: Literal["max", "min"] = "max", level: Literal[1, 2] = 1,
        perhaps: int | None = 3, maybe: Optional[Literal["a", "b"]] = None,
        either: Union[bool, int, str] = "", untyped="", **rest: str,
    ):
        self.given = {{key: value for key, value in locals().items() if key != "self"}}
{METHODS}
"""


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        ("text", "a=b", "a=b"),
        ("text", "", ""),
        ("number", "-3", -3),
        ("rate", "1e-3", 1e-3),
        ("rate", "5", 5.0),
        ("on", "true", True),
        ("on", "Yes", True),
        ("on", "1", True),
        ("on", "FALSE", False),
        ("on", "no", False),
        ("on", "0", False),
        ("place", "a/b", Path("a/b")),
        ("kind", "min", "min"),
        ("level", "2", 2),
        ("perhaps", "7", 7),
        ("perhaps", "none", None),
        ("perhaps", "None", None),
        ("maybe", "b", "b"),
        ("maybe", "none", None),
        ("either", "yes", True),
        ("either", "12", 12),
        ("either", "other", "other"),
        ("untyped", "7", "7"),
    ],
)
def test_an_option_is_of_the_type_that_the_tracker_declares(install, option, text, value):
    install("mine", OPTIONS)
    found = load_tracker("mine", {option: text}).given[option]

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("option", "text", "message"),
    [
        ("number", "3.5", "an integer"),
        ("number", "", "an integer"),
        ("rate", "fast", "a number"),
        ("on", "maybe", "true or false"),
        ("kind", "mix", r"one of max, min, did you mean '(min|max)'\?"),
        ("kind", "xyzzy", "one of max, min"),
        ("level", "3", "one of 1, 2"),
        ("perhaps", "many", "an integer"),
        ("maybe", "c", "one of a, b"),
    ],
)
def test_a_text_that_does_not_fit(install, option, text, message):
    install("mine", OPTIONS)

    with pytest.raises(TrackerError, match=rf"^mine\.{option}={text}: it must be {message}$"):
        load_tracker("mine", {option: text})


def test_an_option_that_does_not_exist(install):
    """With the closest, and all of them."""
    install("mine", OPTIONS)

    with pytest.raises(
        TrackerError,
        match=r"^the tracker 'mine' has no option 'numbr', did you mean 'number'\?; "
        r"its options: mine\.text, mine\.number, mine\.rate, mine\.on, mine\.place, ",
    ):
        load_tracker("mine", {"numbr": "3"})
    with pytest.raises(
        TrackerError, match=r"^the tracker 'null' has no option 'x'; its options: none$"
    ):
        load_tracker("null", {"x": "1"})


def test_the_options_of_a_function(install):
    install("mine", OPTIONS + "\ndef make(*, size: int = 1): return Mine(number=size)",
            entry="module_of_tracker_mine:make")  # fmt: skip

    assert load_tracker("mine", {"size": "4"}).given["number"] == 4


def test_types_that_only_a_type_checker_imports(install):
    """Are no trouble unless an option is given."""
    code = f"""
from __future__ import annotations
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from elsewhere import Thing
class Mine:
    def __init__(self, *, thing: Thing | None = None): pass
{METHODS}
"""
    install("mine", code)

    assert load_tracker("mine")
    with pytest.raises(
        TrackerError, match=r"the type of the option 'thing' cannot be read from the tracker: name"
    ):
        load_tracker("mine", {"thing": "1"})


def test_declared_options_are_keywords():
    def make(a, /, b, *args, c=1, **rest):
        return a, b, args, c, rest

    assert list(declared_options(make)) == ["b", "c"]


def test_options_by_tracker():
    texts = ["wandb.mode=offline", "wandb.entity=a=b", " console.every_s=0", "wandb.mode=online"]

    assert parse_options(texts, ["wandb", "console"]) == {
        "wandb": {"mode": "online", "entity": "a=b"},
        "console": {"every_s": "0"},
    }
    assert parse_options([], []) == {}


@pytest.mark.parametrize("text", ["wandb.mode", "mode=x", "=x", ".mode=x", "wandb.=x", ""])
def test_an_option_of_another_form(text):
    with pytest.raises(
        TrackerError, match=rf"^tracker option {text!r}: write it as tracker\.option=value$"
    ):
        parse_options([text], ["wandb"])


def test_an_option_of_a_tracker_that_was_not_asked_for():
    with pytest.raises(
        TrackerError,
        match=r"^tracker option 'wnadb\.mode=x': no tracker 'wnadb' was asked for, "
        r"did you mean 'wandb'\?; trackers of this run: console, wandb$",
    ):
        parse_options(["wnadb.mode=x"], ["console", "wandb"])


def modules_after(code, *path):
    """The modules that a fresh interpreter has after `code`, and had not before it."""
    program = (
        f"import sys; sys.path[:0] = {list(map(str, path))}; before = set(sys.modules)\n{code}\n"
        "import json; print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path = {sys.path}\n{program}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def test_the_package_imports_nothing_that_takes_time():
    """Without the modules that site-packages start, the interpreter is bare."""
    loaded = modules_after("import pahcl_track")

    assert {name for name in loaded if name.split(".")[0] not in sys.stdlib_module_names} == {
        "pahcl_track"
    }
    assert not loaded & {"typing", "dataclasses", "pathlib"}
    assert "importlib.metadata" not in loaded


def test_listing_imports_nobodys_code(install, tmp_path):
    module = install("mine", "raise RuntimeError('imported')")
    loaded = modules_after(
        "from pahcl_track import installed_trackers\n"
        "assert 'mine' in [one.name for one in installed_trackers()]",
        tmp_path,
    )

    assert module not in loaded
    assert not {name for name in loaded if name.startswith("pahcl_track.backends.")} - {
        "pahcl_track.backends.null"
    }
    assert {name.split(".")[0] for name in loaded} - sys.stdlib_module_names == {"pahcl_track"}


def test_loading_one_imports_that_one_alone(install, tmp_path):
    module = install("mine", "raise RuntimeError('imported')")
    loaded = modules_after(
        "from pahcl_track import load_tracker\nload_tracker('console'), load_tracker('wandb')",
        tmp_path,
    )

    assert "pahcl_track.backends.console" in loaded
    assert module not in loaded
    assert "pahcl_track.backends.journal" not in loaded
    assert "wandb" not in loaded  # before a run starts


def test_a_broken_tracker_harms_no_program_that_does_not_ask_for_it(install, tmp_path):
    install("mine", "raise RuntimeError('imported')")
    modules_after(
        "from pathlib import Path\nfrom pahcl_track import Run, Session, load_tracker\n"
        "with Session({'null': load_tracker('null')}).running(\n"
        f"    Run(name='quiet', directory=Path({str(tmp_path / 'run')!r}))\n"
        ") as session: session.log({'a': 0.5}, step=1)",
        tmp_path,
    )

    assert (tmp_path / "run" / "journal.jsonl").exists()


def test_every_public_name_can_be_imported():
    import pahcl_track

    for name in pahcl_track.__all__:
        assert getattr(pahcl_track, name) is not None
    with pytest.raises(AttributeError, match="module 'pahcl_track' has no attribute 'Sesion'"):
        pahcl_track.Sesion  # noqa: B018
