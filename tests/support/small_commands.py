"""What is changed of a document's command, so that it takes a second and not an hour.

Nothing else of it is: its options, files and results are those of the reader.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from support.cli_process import SMALL

_SETTINGS = [part for setting in SMALL for part in ("--set", setting)]
_SIGNAL = [
    part for setting in SMALL if setting.startswith("signal.") for part in ("--set", setting)
]
_LEAST = {"--epochs": "1", "--folds": "2", "--seeds": "1"}
_ADDED = {
    ("pretrain",): ["--epochs", "1", "--device", "cpu", *_SETTINGS],
    ("finetune",): ["--epochs", "1", "--device", "cpu", *_SETTINGS],
    ("ablate",): ["--epochs", "1", "--device", "cpu", *_SETTINGS],
    ("baseline",): ["--num-workers", "1", *_SIGNAL],
    ("data", "prepare"): ["--num-workers", "1", *_SIGNAL],
}
_SIZES = {
    "circor": ["--patients", "16"],
    "folder": ["--subjects", "24"],
    "pascal": ["--recordings", "60"],
    "physionet2016": ["--recordings", "60"],
}
"""Of a collection that is made up, where the document does not say how large it is: commands after
one that says so may need as many people of the rarest class as it has."""

_AS_IT_WAS = ("--resume", "--help", "--list")
"""With these there is nothing to be set."""

_OWN_SIZE = ("encoder.", "tiny")
"""Where an encoder is chosen, it keeps its size."""


def typed_small(arguments: Sequence[str]) -> list[str]:
    """A command with few people, few epochs and a small encoder."""
    if tuple(arguments[:2]) == ("data", "download"):  # what lies there already is looked at
        return ["data", "check", arguments[3], "--collection", arguments[2]]
    small = list(arguments)
    for place, argument in enumerate(arguments[:-1]):
        small[place + 1] = _LEAST.get(argument, small[place + 1])
    if any(argument in _AS_IT_WAS for argument in arguments):
        return small
    for command, added in _ADDED.items():
        if tuple(arguments[: len(command)]) == command:
            small += added
    if arguments[:2] == ["data", "synth"] and _SIZES[arguments[2]][0] not in arguments:
        small += _SIZES[arguments[2]]
    if any(argument.startswith(_OWN_SIZE) for argument in arguments):
        small = [*arguments, "--epochs", "1", "--set", "training.cycles_per_recording=2"]
    return small


@contextmanager
def small_settings() -> Iterator[None]:
    """The same for what Python calls: runs have the settings of `SMALL`, and one epoch."""
    from pahcl_core.training import finetune, pretrain

    with pytest.MonkeyPatch.context() as patch:
        for module in (finetune, pretrain):
            name = module.__name__.rpartition(".")[2]
            patch.setattr(module, name, _small(getattr(module, name)))
        yield


def _small(run: Callable[..., Any]) -> Callable[..., Any]:
    from pahcl_core.config import apply_overrides, from_dict, to_dict

    def begun(config: Any, **arguments: Any) -> Any:
        settings = apply_overrides(to_dict(config), [*SMALL, "training.epochs=1"])
        return run(from_dict(type(config), settings, source="the document"), **arguments)

    return begun
