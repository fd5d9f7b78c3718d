"""The settings of augmentation: which are on, and which are refused."""

import math
from dataclasses import fields

import pytest

from pahcl_core.training.augmentation import AugmentationConfig

NAMES = {field.name for field in fields(AugmentationConfig)}
PROBABILITIES = {name for name in NAMES if name.endswith("_probability")}


def test_what_is_on_by_default():
    """The changes there were before the others came, each for every view."""
    config = AugmentationConfig()

    on = {name: getattr(config, name) for name in NAMES - PROBABILITIES if getattr(config, name)}
    assert on == {"gain": 0.3, "noise": 0.1, "shift_s": 0.01}
    always = ("gain", "noise", "shift", "mask")
    assert {getattr(config, f"{name}_probability") for name in always} == {1.0}


@pytest.mark.parametrize("name", ["gain", "noise", "shift_s", "mask_s", "band_noise"])
def test_a_negative_strength_is_refused(name):
    with pytest.raises(ValueError, match=f"{name} must be at least 0, got -0.1"):
        AugmentationConfig(**{name: -0.1})


@pytest.mark.parametrize(
    ("name", "most"), [("stretch", "0.2"), ("respiration", "1"), ("frequency_mask_octaves", "1")]
)
@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan])
def test_a_strength_beyond_what_a_heart_does_is_refused(name, most, value):
    with pytest.raises(ValueError, match=f"{name} must lie between 0 and {most}, got {value}"):
        AugmentationConfig(**{name: value})


@pytest.mark.parametrize("name", sorted(PROBABILITIES))
@pytest.mark.parametrize("value", [-0.1, 1.1])
def test_a_probability_is_between_0_and_1(name, value):
    with pytest.raises(ValueError, match=f"{name} must lie between 0 and 1, got {value}"):
        AugmentationConfig(**{name: value})
