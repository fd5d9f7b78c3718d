"""A run may be called whatever every system takes for the name of a folder."""

from pathlib import Path

import pytest

from pahcl_core.baselines.settings import BaselineConfig
from pahcl_core.training.run_names import check_run_name
from pahcl_core.training.settings import FinetuneConfig, PretrainConfig


@pytest.mark.parametrize(
    "name", ["", "pretrain", "lr_1e-3, a=b (2)", "心音", "group/run.1", "console"]
)
def test_names_that_every_system_takes(name):
    check_run_name(name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("10:30", "holds ':'"),
        ("a\\b", r"holds '\\\\'"),
        ("what?", r"holds '\?'"),
        ("line\nbreak", "holds"),
        ("..", r"'\.\.' is no name for a folder"),
        ("a/../../b", r"'\.\.' is no name"),
        ("/root", "'' is no name"),
        ("a.", r"'a\.' is no name"),
        ("a /b", "'a ' is no name"),
        ("NUL", "is a device on Windows"),
        ("com1.txt", "is a device on Windows"),
    ],
)
def test_names_that_some_system_takes_for_something_else(name, reason):
    with pytest.raises(ValueError, match=reason):
        check_run_name(name)


@pytest.mark.parametrize(
    "make",
    [
        lambda name: PretrainConfig(data={"circor": Path("d")}, experiment_name=name),
        lambda name: FinetuneConfig(task="circor_murmur", data_dir=Path("d"), experiment_name=name),
        lambda name: BaselineConfig(
            features="log_mel", task="circor_murmur", data_dir=Path("d"), experiment_name=name
        ),
    ],
    ids=["pretrain", "finetune", "baseline"],
)
def test_every_kind_of_run_asks(make):
    assert make("run").name == "run"
    with pytest.raises(ValueError, match="which not every system takes"):
        make("a:b")
