"""What a model may be called: its file, its run, or the name of one that comes with the package."""

from pathlib import Path

import pytest

from pahcl_core.errors import DataError, SettingError
from pahcl_core.training import shipped
from pahcl_core.training.shipped import (
    NAMES,
    card_file,
    model_and_files,
    model_file,
    shipped_file,
)


def test_a_file_is_itself_and_a_run_its_best_model(tmp_path):
    (tmp_path / "best_model.pt").touch()

    assert model_file(tmp_path / "best_model.pt") == tmp_path / "best_model.pt"
    assert model_file(tmp_path) == tmp_path / "best_model.pt"


def test_what_is_not_there_is_left_to_whoever_reads_it(tmp_path):
    assert model_file(tmp_path / "none.pt") == tmp_path / "none.pt"
    assert model_file(Path("somewhere/tiny")) == Path("somewhere/tiny")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_a_file_beside_its_card(name, tmp_path, mocker, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mocker.patch.object(shipped, "shipped_file", lambda name: shipped_file(name, tmp_path))
    shipped_file(name, tmp_path).touch()

    assert model_file(Path(name)) == tmp_path / f"{name}.safetensors"
    assert card_file(name, tmp_path) == tmp_path / f"{name}.md"
    assert shipped_file(name).parent.joinpath("README.md").is_file()


def test_what_lies_in_the_working_directory_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("tiny").touch()

    assert model_file(Path("tiny")) == Path("tiny")


def test_a_name_without_its_file_says_what_to_do(tmp_path, mocker, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mocker.patch.object(shipped, "shipped_file", lambda name: shipped_file(name, tmp_path))

    with pytest.raises(DataError, match=r"'tiny' is not in this installation; name a file instead"):
        model_file(Path("tiny"))


def test_a_model_comes_first_or_is_the_one_that_comes_with_the_package(tmp_path):
    (tmp_path / "best_model.pt").touch()
    heart, model = Path("heart.wav"), Path("model.safetensors")

    for first in (model, Path("model.pt"), Path("tiny"), tmp_path):
        assert model_and_files([first, heart, model]) == (first, [heart, model])
    assert model_and_files([heart, model]) == (Path("circor_murmur"), [heart, model])
    with pytest.raises(SettingError, match=r"model.pt is a model; which recordings"):
        model_and_files([Path("model.pt")])
