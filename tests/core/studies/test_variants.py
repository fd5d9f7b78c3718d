"""What the runs of a study differ in."""

from dataclasses import replace

import pytest

from pahcl_core.errors import SettingError
from pahcl_core.models.encoder import EncoderConfig, encoder_config
from pahcl_core.studies.variants import BASE, Variant, crossed, distinct, settled, varied


def variant(*settings):
    return Variant(name="it", settings=settings)


@pytest.mark.parametrize(
    ("option", "names", "settings"),
    [
        (
            "objective.temperature=0.05,0.2",
            ["objective.temperature=0.05", "objective.temperature=0.2"],
            ["objective.temperature=0.05", "objective.temperature=0.2"],
        ),
        (
            "objective.positives = same_cycle, same_recording",
            ["objective.positives=same_cycle", "objective.positives=same_recording"],
            ["objective.positives=same_cycle", "objective.positives=same_recording"],
        ),
        (
            "objective.substructures=physiology,4",
            ["objective.substructures=physiology", "objective.substructures=4"],
            ["objective.substructures=physiology", "objective.substructures=4"],
        ),
        (
            'optimiser.betas=[0.9, 0.99], "a,b"',
            ["optimiser.betas=[0.9, 0.99]", "optimiser.betas=a,b"],
            ["optimiser.betas=[0.9, 0.99]", 'optimiser.betas="a,b"'],
        ),
        ("machine.compile=true", ["machine.compile=true"], ["machine.compile=true"]),
    ],
)
def test_one_variant_for_each_value(option, names, settings):
    made = varied(option)

    assert [one.name for one in made] == names
    assert [one.settings for one in made] == [(setting,) for setting in settings]


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        ("objective.temperature", "write it as section.key=value,value"),
        ("=1,2", "write it as section.key=value,value"),
        ("objective.temperature=", "write it as section.key=value,value"),
        ("objective.positives=same_cycle,", "write it as section.key=value,value"),
        ("lr=1]\nx=[2", "write it as section.key=value,value"),
        ("seed=1,2", "seed is not varied but set, by --seeds and --seed"),
        ("output_dir=a,b", "output_dir is not varied but set, by the options of the study"),
    ],
)
def test_what_cannot_be_varied(option, complaint):
    with pytest.raises(SettingError, match=complaint):
        varied(option)


def test_a_variant_is_the_base_with_those_settings(base_config):
    base = base_config()

    changed = settled(base, variant("objective.temperature=0.3", "training.epochs=5"))

    assert changed == replace(
        base,
        objective=replace(base.objective, temperature=0.3),
        training=replace(base.training, epochs=5),
    )


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("objective.temprature=1", r"it: there is no setting 'objective.temprature', did you mean"),
        ("objective.temperature=-1", r"it: objective: temperature must be positive, got -1"),
        ("encoder.name=cn", r"it: encoder.name = 'cn', but it must be one of .*'cnn'\?"),
    ],
)
def test_a_variant_without_sense_is_named(base_config, setting, complaint):
    with pytest.raises(SettingError, match=complaint):
        settled(base_config(), variant(setting))


@pytest.mark.parametrize("size", ["tiny", "small"])
def test_another_encoder_comes_in_the_size_of_the_base(base_config, size):
    base = base_config(encoder=encoder_config("cnn_mamba", size, dropout=0.3))

    other = settled(base, variant("encoder.name=resnet34_1d"))

    assert other.encoder == encoder_config("resnet34_1d", size, dropout=0.3)


def test_a_size_or_a_number_that_is_given_counts(base_config):
    base = base_config(encoder=encoder_config("cnn_mamba", "small"))

    sized = settled(base, variant("encoder.name=cnn", "encoder.size=base"))
    numbered = settled(base, variant("encoder.name=cnn", "encoder.width=48"))
    wider = settled(base, variant("encoder.width=48"))

    assert sized.encoder == encoder_config("cnn", "base")
    assert numbered.encoder == encoder_config("cnn", "tiny", width=48)
    assert wider.encoder == encoder_config("cnn_mamba", "small", width=48)


def test_an_encoder_like_one_of_no_size_is_refused(base_config):
    base = base_config(encoder=EncoderConfig(width=16, num_blocks=1, state_size=4))

    with pytest.raises(SettingError, match=r"cnn_mamba of width 16 is of no size.*encoder.size=ti"):
        settled(base, variant("encoder.name=cnn"))


def test_what_comes_to_the_same_is_done_once(base_config):
    base = base_config()
    variants = [
        *varied("objective.temperature=0.1,0.2"),  # the first is the base's
        Variant(name="sharper", settings=("objective.temperature=0.2",)),
        *varied("objective.temperature=0.2"),
    ]

    found = distinct(base, variants)

    assert list(found) == ["base", "objective.temperature=0.2"]
    assert found["base"] == (replace(BASE, same_as=("objective.temperature=0.1",)), base)
    other, config = found["objective.temperature=0.2"]
    assert other.same_as == ("sharper",)
    assert config.objective.temperature == 0.2


def test_two_variants_for_one_folder_are_refused(base_config):
    variants = [
        Variant(name="a/b", settings=("objective.temperature=0.2",)),
        Variant(name="A b", settings=("objective.temperature=0.3",)),
    ]

    with pytest.raises(SettingError, match="a/b and A b would share the folder"):
        distinct(base_config(), variants)


def test_a_folder_is_a_name_without_anything_odd():
    assert Variant(name="split.file=/data/a b:c").folder == "split.file=_data_a_b_c"
    assert Variant(name="lambda=0.25,levels=all").folder == "lambda=0.25,levels=all"


def test_crossed_is_every_combination():
    ones = (Variant(name="a=1", settings=("a=1",)), Variant(name="a=2", settings=("a=2",)))
    others = (Variant(name="b=x", settings=("b=x", "c=3")), Variant(name="b=y", settings=("b=y",)))

    made = crossed([ones, others])

    assert made == (
        Variant(name="a=1,b=x", settings=("a=1", "b=x", "c=3")),
        Variant(name="a=1,b=y", settings=("a=1", "b=y")),
        Variant(name="a=2,b=x", settings=("a=2", "b=x", "c=3")),
        Variant(name="a=2,b=y", settings=("a=2", "b=y")),
    )
