"""Options of trackers: given as text, of the types that the tracker declares."""

from pathlib import Path

import pytest

from pahcl_track import (
    TrackerError,
    load_tracker,
    parse_options,
)
from pahcl_track.discovery import declared_options
from support.distributions import METHODS

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
