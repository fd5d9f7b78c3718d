"""What the runs of a study differ in: settings that replace those of a base."""

import itertools
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pahcl_core.config import apply_overrides, from_dict, to_dict
from pahcl_core.errors import SettingError
from pahcl_core.models.encoder import EncoderConfig
from pahcl_core.models.kinds import SIZES, Numbers
from pahcl_core.models.sizes import sized
from pahcl_core.training.settings import FinetuneConfig, PretrainConfig

RunConfig = FinetuneConfig | PretrainConfig
"""Of one run of a study."""

C = TypeVar("C", bound=RunConfig)

OF_THE_STUDY = ("seed", "output_dir", "experiment_name", "store")
"""Settings that a study gives each run itself."""

_NOT_IN_A_NAME = re.compile(r"[^\w.=,+-]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """The base with other settings."""

    name: str
    settings: tuple[str, ...] = ()
    """Each `section.key=value`, as `--set` takes them."""

    same_as: tuple[str, ...] = ()
    """Names of others that come to the same settings."""

    @property
    def folder(self) -> str:
        """The name, as far as every file system takes it."""
        return _NOT_IN_A_NAME.sub("_", self.name)


BASE = Variant(name="base")


def varied(option: str) -> tuple[Variant, ...]:
    """The variants of one setting: `objective.temperature=0.05,0.1,0.2` makes three.

    Values are those of a TOML list, or text between commas: `same_recording,same_cycle`.

    Raises:
        SettingError: If it is malformed, or the setting is one that a study gives each run itself.
    """
    key, equals, text = (part.strip() for part in option.partition("="))
    values = _values(text)
    if not key or not equals or not values or not all(values):
        raise SettingError(
            f"--vary {option!r}: write it as section.key=value,value, such as "
            "objective.temperature=0.05,0.2"
        )
    if key in OF_THE_STUDY:
        instead = "--seeds and --seed" if key == "seed" else "the options of the study"
        raise SettingError(f"--vary {option!r}: {key} is not varied but set, by {instead}")
    return tuple(
        Variant(name=f"{key}={value}".replace('"', ""), settings=(f"{key}={value}",))
        for value in values
    )


def _values(text: str) -> list[str]:
    """Each as TOML has it, or as it stands."""
    try:
        parsed = tomllib.loads(f"values = [{text}]")
    except tomllib.TOMLDecodeError:
        return [value.strip() for value in text.split(",")]
    if set(parsed) != {"values"}:  # more keys come from line breaks in the text
        return [""]
    try:
        return [json.dumps(value, ensure_ascii=False) for value in parsed["values"]]
    except TypeError:  # a date
        return [value.strip() for value in text.split(",")]


def crossed(axes: Sequence[Sequence[Variant]]) -> tuple[Variant, ...]:
    """Every combination of one variant from each axis."""
    return tuple(
        Variant(
            name=",".join(one.name for one in chosen),
            settings=tuple(setting for one in chosen for setting in one.settings),
        )
        for chosen in itertools.product(*axes)
    )


def distinct(base: C, variants: Sequence[Variant]) -> dict[str, tuple[Variant, C]]:
    """The base and the variants with their settings, by name; those that are alike only once.

    Raises:
        SettingError: If a variant's settings do not exist or make no sense, or two variants would
            be written to one folder.
    """
    found: list[tuple[Variant, C]] = [(BASE, base)]
    for variant in variants:
        config = settled(base, variant)
        alike = [place for place, (_, other) in enumerate(found) if other == config]
        if not alike:
            found.append((variant, config))
            continue
        first: Variant = found[alike[0]][0]
        names = dict.fromkeys((*first.same_as, variant.name))
        names.pop(first.name, None)  # given twice
        found[alike[0]] = (replace(first, same_as=tuple(names)), config)
    folders = dict[str, str]()
    for variant, _ in found:
        other = folders.setdefault(variant.folder.casefold(), variant.name)
        if other != variant.name:
            raise SettingError(f"{other} and {variant.name} would share the folder {other}")
    return {variant.name: (variant, config) for variant, config in found}


def settled(base: C, variant: Variant) -> C:
    """The settings of a variant. Another encoder comes in the size of the base's.

    Raises:
        SettingError: If a setting does not exist or makes no sense, or the base's encoder is of no
            size.
    """
    before = to_dict(base)
    table = apply_overrides(before, variant.settings)
    over = apply_overrides({}, variant.settings).get("encoder")
    if isinstance(over, dict):
        size = _size_like(base.encoder, over, variant)
        table["encoder"] = sized(before["encoder"], {**size, **over})
    return from_dict(type(base), table, source=variant.name)


def _size_like(encoder: EncoderConfig, over: Mapping[str, Any], variant: Variant) -> dict[str, str]:
    """The size to give another encoder, if none is given."""
    is_given = "size" in over or any(number in over for number in Numbers._fields)
    name = over.get("name", encoder.name)
    if is_given or name == encoder.name or name not in SIZES:  # which is refused later
        return {}
    own = Numbers(*(getattr(encoder, name) for name in Numbers._fields))
    for size, numbers in SIZES[encoder.name].items():
        if numbers == own:
            return {"size": size}
    raise SettingError(
        f"{variant.name}: the base's {encoder.name} of width {own.width} is of no size, so that "
        "none is alike; choose one, with --set encoder.size=tiny"
    )
