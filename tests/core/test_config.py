"""Reading and writing of settings."""

import copy
import dataclasses
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pahcl_core import config
from pahcl_core.errors import DataError, SettingError


@dataclass(frozen=True, kw_only=True, slots=True)
class Optimiser:
    kind: Literal["adamw", "sgd"] = "adamw"
    lr: float = 1e-3
    warmup: int | None = None
    clip: float | None = 1.0

    def __post_init__(self) -> None:
        if not self.lr > 0:
            raise ValueError(f"lr must be positive, got {self.lr}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Band:
    low_hz: float
    high_hz: float = 400.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    epochs: int = 10
    shuffle: bool = True
    tags: tuple[str, ...] = ()
    betas: tuple[float, float] = (0.9, 0.999)
    out: Path = Path("outputs")
    optimiser: Optimiser = field(default_factory=lambda: Optimiser(lr=0.5, warmup=7))


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    name: str = "first"
    seed: Optional[int] = None  # noqa: UP045 - both spellings must be read
    patience: int | Literal["forever"] = 3
    training: Training = field(default_factory=Training)
    band: Band | None = None
    bands: tuple[Band, ...] = ()


def read(data, cls=Run):
    return config.from_dict(cls, data, source="run.toml")


numbers = st.floats(allow_nan=False)
texts = st.text(st.characters(exclude_categories=["Cs"])).filter(lambda text: text != "none")
optimisers = st.builds(
    Optimiser,
    kind=st.sampled_from(["adamw", "sgd"]),
    lr=st.floats(min_value=1e-300),
    warmup=st.none() | st.integers(-(2**63), 2**63 - 1),
    clip=st.none() | numbers,
)
bands = st.builds(Band, low_hz=numbers, high_hz=numbers)
trainings = st.builds(
    Training,
    epochs=st.integers(-(2**63), 2**63 - 1),
    shuffle=st.booleans(),
    tags=st.lists(texts).map(tuple),
    betas=st.tuples(numbers, numbers),
    out=st.sampled_from([Path(), Path("/a b/c"), Path("../ö.d")]),
    optimiser=optimisers,
)
runs = st.builds(
    Run,
    name=texts,
    seed=st.none() | st.integers(0, 9),
    patience=st.integers(0, 9) | st.just("forever"),
    training=trainings,
    band=st.none() | bands,
    bands=st.lists(bands, max_size=2).map(tuple),
)


@given(runs)
def test_settings_survive_toml(tmp_path_factory, run):
    """Writing and reading is the identity, whatever the settings are."""
    path = tmp_path_factory.getbasetemp() / "config.toml"

    config.write_toml(path, config.to_dict(run))

    assert read(config.read_toml(path)) == run


def test_plain_values_are_the_expected_tables():
    """By hand: what is None by default is left out, None against the default is a word."""
    run = Run(training=Training(optimiser=Optimiser(warmup=None, clip=None)), band=Band(low_hz=25))

    assert config.to_dict(run) == {
        "name": "first",
        "patience": 3,
        "training": {
            "epochs": 10,
            "shuffle": True,
            "tags": [],
            "betas": [0.9, 0.999],
            "out": "outputs",
            # The default of `Training` for `warmup` is 7, so its None must be said, too.
            "optimiser": {"kind": "adamw", "lr": 1e-3, "warmup": "none", "clip": "none"},
        },
        "band": {"low_hz": 25, "high_hz": 400.0},
        "bands": [],
    }


def test_what_is_not_mentioned_keeps_the_default_of_the_enclosing_section():
    run = read({"training": {"optimiser": {"kind": "sgd"}}})

    assert run.training.optimiser == Optimiser(kind="sgd", lr=0.5, warmup=7)


def test_an_integer_becomes_a_float_where_one_is_expected():
    lr = read({"lr": 1}, Optimiser).lr

    assert (lr, type(lr)) == (1.0, float)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            {"training": {"epoch": 5}},
            "run.toml: there is no setting 'training.epoch', did you mean 'epochs'?",
        ),
        ({"epochs": 5}, "run.toml: there is no setting 'epochs', did you mean 'training.epochs'?"),
        (
            {"band": {"q": 1}},
            "run.toml: there is no setting 'band.q'; there are low_hz, high_hz",
        ),
        ({"band": {}}, "run.toml: band.low_hz is missing; it must be a number"),
        ({"training": 3}, "run.toml: training = 3, but it must be a section"),
        (
            {"training": {"epochs": "five"}},
            "run.toml: training.epochs = 'five', but it must be an integer",
        ),
        ({"training": {"epochs": 5.0}}, "training.epochs = 5.0, but it must be an integer"),
        ({"training": {"epochs": True}}, "training.epochs = True, but it must be an integer"),
        ({"training": {"shuffle": 1}}, "training.shuffle = 1, but it must be true or false"),
        ({"training": {"optimiser": {"lr": True}}}, "training.optimiser.lr = True, but it must"),
        ({"training": {"tags": "a"}}, "training.tags = 'a', but it must be a list, each item text"),
        ({"training": {"tags": ["a", 2]}}, "training.tags[1] = 2, but it must be text in quotes"),
        (
            {"training": {"betas": [0.9]}},
            "training.betas = [0.9], but it must be a list of 2: a number, a number",
        ),
        ({"training": {"out": 1}}, "training.out = 1, but it must be a path in quotes"),
        ({"name": 42}, "run.toml: name = 42, but it must be text in quotes"),
        ({"seed": "x"}, "run.toml: seed = 'x', but it must be an integer or none"),
        ({"patience": "ever"}, "patience = 'ever', but it must be an integer or one of 'forever'"),
        ({"bands": [{}]}, "run.toml: bands[0].low_hz is missing"),
        ({"band": {"low_hz": "x"}}, "run.toml: band.low_hz = 'x', but it must be a number"),
        (
            {"training": {"optimiser": {"kind": "adamW"}}},
            "training.optimiser.kind = 'adamW', but it must be one of 'adamw', 'sgd', "
            "did you mean 'adamw'?",
        ),
        (
            {"training": {"optimiser": {"lr": -1}}},
            "run.toml: training.optimiser: lr must be positive, got -1.0",
        ),
    ],
)
def test_a_refusal_names_the_source_the_key_and_the_remedy(data, message):
    with pytest.raises(SettingError) as refusal:
        read(data)

    assert message in str(refusal.value)
    assert str(refusal.value).startswith("run.toml: ")


def test_a_field_that_is_computed_is_no_setting():
    @dataclass(frozen=True)
    class Window:
        size: int = 3
        half: int = field(init=False, default=1)

    assert config.to_dict(Window()) == {"size": 3}
    with pytest.raises(SettingError, match="there is no setting 'half'; there are size"):
        read({"half": 2}, Window)


def test_true_is_not_the_literal_one():
    choice = dataclasses.make_dataclass("Choice", [("parts", Literal[1, 4])])

    with pytest.raises(SettingError, match="parts = True, but it must be one of 1, 4"):
        read({"parts": True}, choice)


def test_a_text_that_would_be_read_as_none_is_not_written():
    named = dataclasses.make_dataclass("Named", [("name", str | None)])

    with pytest.raises(SettingError, match="name = 'none' means no value"):
        config.to_dict(named("none"))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"absent.toml: cannot be read: No such file"):
        config.read_toml(tmp_path / "absent.toml")


def test_bad_toml_is_refused_with_its_line(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text("[training]\nepochs = 5\nlr 3\n")

    with pytest.raises(SettingError, match=r"run.toml: not valid TOML: .*line 3"):
        config.read_toml(path)


def test_a_binary_file_is_refused(tmp_path):
    path = tmp_path / "run.toml"
    path.write_bytes(b"a = 1\n\xff")

    with pytest.raises(DataError, match="not UTF-8 text, from byte 6 on"):
        config.read_toml(path)


def test_a_byte_order_mark_is_skipped(tmp_path):
    """Some editors on Windows write one."""
    path = tmp_path / "run.toml"
    path.write_text("seed = 3", encoding="utf-8-sig")

    assert config.read_toml(path) == {"seed": 3}


def test_overrides_are_applied_in_their_order_to_a_copy():
    data = {"training": {"epochs": 5, "tags": ["a"]}}
    before = copy.deepcopy(data)

    result = config.apply_overrides(
        data,
        ["training.epochs=6", "training.optimiser.lr = 1e-4", "name=a=b", "training.epochs=7"],
    )

    assert result == {
        "training": {"epochs": 7, "tags": ["a"], "optimiser": {"lr": 1e-4}},
        "name": "a=b",
    }
    assert data == before


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("0.5", 0.5),
        ("true", True),
        ('["a", "b"]', ["a", "b"]),
        ('"5"', "5"),
        ("circor_murmur", "circor_murmur"),
        ("", ""),
        ("True", "True"),
        ("2024-05-06", "2024-05-06"),
        ("/data/circor", "/data/circor"),
        ("5\nother = 6", "5\nother = 6"),
        (" of two words ", "of two words"),
    ],
)
def test_an_override_is_toml_or_else_text(text, value):
    assert config.apply_overrides({}, [f"key={text}"]) == {"key": value}


def test_an_override_can_be_a_json_object_of_several():
    """As the agent of a W&B sweep hands over a trial's parameters."""
    result = config.apply_overrides(
        {"training": {"epochs": 5}}, ['{"training.batch_size": 8, "optimiser.lr": 1e-3}', "seed=2"]
    )

    assert result == {
        "training": {"epochs": 5, "batch_size": 8},
        "optimiser": {"lr": 1e-3},
        "seed": 2,
    }


def test_an_override_that_only_begins_as_a_json_object_is_refused():
    with pytest.raises(SettingError, match="is no JSON object"):
        config.apply_overrides({}, ['{"training.epochs": 8'])


@pytest.mark.parametrize("override", ["training.epochs", "=5", "training.=5", ".epochs=5"])
def test_an_override_without_key_or_value_is_refused(override):
    with pytest.raises(SettingError, match=r"write it as section\.key=value"):
        config.apply_overrides({}, [override])


def test_an_override_through_a_value_is_refused():
    with pytest.raises(SettingError, match=r"training\.epochs is a value, not a section"):
        config.apply_overrides({"training": {"epochs": 5}}, ["training.epochs.first=1"])


def test_merge_is_deep_and_shares_nothing():
    base = {"a": {"x": 1, "y": [1]}, "b": 1, "c": {"z": 1}}
    over = {"a": {"x": 2, "w": {"v": 3}}, "b": {"u": 4}, "c": 5}
    kept = copy.deepcopy((base, over))

    merged = config.merge(base, over)

    assert merged == {"a": {"x": 2, "y": [1], "w": {"v": 3}}, "b": {"u": 4}, "c": 5}
    merged["a"]["y"].append(2)
    merged["a"]["w"]["v"] = 0
    assert (base, over) == kept


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    """The disk fills up in the middle of the write."""
    path = tmp_path / "config.toml"
    config.write_toml(path, {"seed": 1})

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        config.write_toml(path, {"seed": 2})

    assert tomllib.loads(path.read_text()) == {"seed": 1}
    assert list(tmp_path.iterdir()) == [path]


@dataclass(frozen=True, kw_only=True, slots=True)
class Several:
    folders: Mapping[str, Path]
    shares: Mapping[str, float] = field(default_factory=dict)


names = st.text(st.characters(exclude_categories=["Cs"]))


@given(
    folders=st.dictionaries(names, st.sampled_from([Path("/a b/c"), Path("../ö.d")])),
    shares=st.dictionaries(names, numbers),
)
def test_mappings_survive_toml(tmp_path_factory, folders, shares):
    """Whatever the names are."""
    path = tmp_path_factory.getbasetemp() / "mappings.toml"
    several = Several(folders=folders, shares=shares)

    config.write_toml(path, config.to_dict(several))

    assert read(config.read_toml(path), Several) == several


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "folders is missing; it must be a section, each value a path in quotes"),
        ({"folders": "x"}, "folders = 'x', but it must be a section, each value a path in quotes"),
        ({"folders": {"a": 1}}, "folders.a = 1, but it must be a path in quotes"),
        ({"folders": {}, "shares": {"b": "x"}}, "shares.b = 'x', but it must be a number"),
    ],
)
def test_a_wrong_mapping_is_named_to_its_key(data, message):
    with pytest.raises(SettingError, match=re.escape(f"run.toml: {message}")):
        read(data, Several)


def test_an_override_sets_one_entry_of_a_mapping():
    table = config.apply_overrides(
        {"folders": {"a": "x", "b": "y"}}, ["folders.b=z", "shares.a:c=2"]
    )

    assert read(table, Several) == Several(
        folders={"a": Path("x"), "b": Path("z")}, shares={"a:c": 2.0}
    )


def test_values_by_their_dotted_names():
    """Of tables in tables, in their order; a list is a value."""
    table = {"a": 1, "b": {"c": [2, 3], "d": {"e": None}, "f": {}}, "g": "h"}

    assert list(config.dotted(table)) == [("a", 1), ("b.c", [2, 3]), ("b.d.e", None), ("g", "h")]
