"""The axes of an ablation that have names."""

from dataclasses import replace

import pytest

from pahcl_core.errors import SettingError
from pahcl_core.models.encoder import encoder_config
from pahcl_core.models.kinds import SIZES
from pahcl_core.studies.axes import AXES, axis_named, refuse_idle
from pahcl_core.studies.variants import BASE, Variant, settled
from pahcl_core.training.objective import ObjectiveConfig
from support.objectives import contrastive


def objectives(base, axis):
    return [settled(base, one).objective for one in axis_named(axis).variants]


def test_there_is_one_for_each_question():
    assert list(AXES) == [
        "levels", "encoder", "substructures", "temperature", "positives", "lambda", "negatives",
    ]  # fmt: skip


def test_levels_are_four_weights(base_config):
    """Whatever schedule the base has, since a loss alone has none."""
    base = base_config(objective=contrastive(cycle_starts=0.1, cycle_full=0.3))

    found = objectives(base, "levels")

    names = ("cycle_weight", "substructure_weight", "prediction_weight", "anchor_weight")
    weights = {
        value: tuple(getattr(o, name) for name in names)
        for value, o in zip(axis_named("levels").values, found, strict=True)
    }
    assert weights == {
        "cycle": (1, 0, 0, 0),
        "substructure": (0, 1, 0, 0),
        "both": (1, 0.5, 0, 0),
        "prediction": (0, 0, 1, 0),
        "anchored": (0, 0, 1, 1),
        "all": (1, 0.5, 1, 1),
    }
    assert {(o.cycle_starts, o.cycle_full) for o in found} == {(0, 0)}


def test_encoders_are_all_there_are(base_config):
    base = base_config(encoder=encoder_config("cnn", "small"))

    found = [settled(base, one).encoder for one in axis_named("encoder").variants]

    assert found == [encoder_config(name, "small") for name in SIZES]


@pytest.mark.parametrize(
    ("axis", "field", "values"),
    [
        ("substructures", "substructures", ["physiology", 2, 4, 8]),
        ("temperature", "temperature", [0.05, 0.1, 0.2, 0.5]),
        ("positives", "positives", ["same_recording", "same_person", "same_cycle"]),
        ("lambda", "substructure_weight", [0.25, 0.5, 1, 2, 0.5]),
        ("lambda", "cycle_weight", [1, 1, 1, 1, 1]),
        ("lambda", "cycle_full", [0, 0, 0, 0, 0.5]),
        ("lambda", "cycle_starts", [0, 0, 0, 0, 0.1]),
        ("negatives", "negatives", ["batch", "queue", "batch"]),
        ("negatives", "exclude_same_person", [True, True, False]),
    ],
)
def test_each_varies_what_it_says(base_config, axis, field, values):
    assert [getattr(o, field) for o in objectives(base_config(), axis)] == values


@pytest.mark.parametrize("axis", [axis for axis in AXES if axis != "encoder"])
def test_nothing_but_the_objective_is_touched(base_config, axis):
    base = base_config()

    for one in axis_named(axis).variants:
        assert replace(settled(base, one), objective=base.objective) == base


def test_a_wrong_name_is_answered_with_the_closest():
    with pytest.raises(SettingError, match=r"'temprature', did you mean 'temperature'\?.*--vary"):
        axis_named("temprature")


PREDICTION = ObjectiveConfig()
CYCLE = contrastive(substructure_weight=0)


@pytest.mark.parametrize(
    ("objective", "setting", "off"),
    [
        (PREDICTION, "temperature=0.2", "objective.cycle_weight, objective.substructure_weight"),
        (PREDICTION, "negatives=queue", "objective.cycle_weight, objective.substructure_weight"),
        (PREDICTION, "exclude_same_person=false", "objective.cycle_weight"),
        (CYCLE, "substructures=4", "objective.substructure_weight, objective.prediction_weight"),
        (contrastive(), "hidden_share=0.5", "for objective.prediction_weight; give"),
        (contrastive(), "momentum=0.9", "the negatives of the batch; .*--set objective.negatives="),
        (CYCLE, "queue_size=64", "the negatives of the batch; .*--set objective.negatives=queue$"),
        (PREDICTION, "momentum=0.9", "objective.cycle_weight, objective.substructure_weight"),
    ],
)
def test_a_variant_without_effect_is_refused(base_config, objective, setting, off):
    base = base_config(objective=objective)
    one = Variant(name="it", settings=(f"objective.{setting}",))

    with pytest.raises(SettingError, match=f"it would change nothing.*{off}"):
        refuse_idle([(BASE, base), (one, settled(base, one))])


@pytest.mark.parametrize(
    ("objective", "setting"),
    [
        (PREDICTION, "positives=same_cycle"),  # whose beat is foretold
        (PREDICTION, "hidden_share=0.5"),
        (CYCLE, "temperature=0.2"),
        (contrastive(), "substructures=4"),
        (PREDICTION, "cycle_weight=1"),
        (contrastive(), "negatives=queue"),
        (contrastive(negatives="queue"), "momentum=0.9"),
        (contrastive(negatives="queue"), "queue_size=64"),
    ],
)
def test_one_with_an_effect_is_not(base_config, objective, setting):
    base = base_config(objective=objective)
    one = Variant(name="it", settings=(f"objective.{setting}",))

    refuse_idle([(BASE, base), (one, settled(base, one))])
