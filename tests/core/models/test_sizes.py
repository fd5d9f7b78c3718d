"""A size is the numbers in the table, and layers of settings do not mix those of two encoders."""

import pytest

from pahcl_core.config import from_dict, to_dict
from pahcl_core.errors import SettingError
from pahcl_core.models.encoder import EncoderConfig, encoder_config
from pahcl_core.models.kinds import SIZES
from pahcl_core.models.sizes import sized

EVERY = [(name, size) for name, sizes in SIZES.items() for size in sizes]


def numbers(table):
    return (table["name"], table["width"], table["num_blocks"], table["state_size"])


@pytest.mark.parametrize(("name", "size"), EVERY)
def test_a_config_of_a_size_survives_its_file(name, size):
    """Written out, the numbers alone say it; there is no size in it."""
    config = encoder_config(name, size)

    table = to_dict(config)

    assert from_dict(EncoderConfig, table, source="file") == config
    assert "size" not in table
    assert numbers(table) == (name, *SIZES[name][size])
    assert numbers(sized({}, {"name": name, "size": size})) == numbers(table)
    assert sized(table, {}) == table


def test_the_default_is_the_tiny_cnn_mamba():
    assert EncoderConfig() == encoder_config("cnn_mamba", "tiny")
    assert numbers(to_dict(EncoderConfig())) == ("cnn_mamba", 64, 2, 16)


def test_settings_by_name_replace_those_of_the_size():
    config = encoder_config("cnn", "small", width=48, dropout=0.2)

    assert (config.width, config.num_blocks, config.dropout) == (48, 6, 0.2)


SMALL_SINC = {"name": "sinc_mamba", "width": 128, "num_blocks": 4, "state_size": 16}


@pytest.mark.parametrize(
    ("lower", "upper", "expected"),
    [
        ({}, {"size": "small"}, ("cnn_mamba", 128, 4, 16)),
        ({"size": "small"}, {}, ("cnn_mamba", 128, 4, 16)),
        ({"size": "small", "width": 96}, {}, ("cnn_mamba", 96, 4, 16)),
        ({"name": "cnn"}, {}, ("cnn", 64, 4, 0)),
        ({"name": "cnn"}, {"size": "base"}, ("cnn", 256, 9, 0)),
        ({"size": "small"}, {"name": "cnn"}, ("cnn", 128, 6, 0)),
        ({"size": "small"}, {"size": "base"}, ("cnn_mamba", 256, 8, 32)),
        # Numbers that belong to another encoder or size are left behind …
        (SMALL_SINC, {"name": "cnn_transformer"}, ("cnn_transformer", 64, 2, 0)),
        (SMALL_SINC, {"size": "base"}, ("sinc_mamba", 256, 8, 32)),
        # … but not those that are asked for, nor where nothing else is.
        (SMALL_SINC, {"size": "base", "width": 64}, ("sinc_mamba", 64, 8, 32)),
        (SMALL_SINC, {"name": "sinc_mamba"}, ("sinc_mamba", 128, 4, 16)),
        (SMALL_SINC, {"width": 64}, ("sinc_mamba", 64, 4, 16)),
    ],
)
def test_layers_of_settings(lower, upper, expected):
    table = {"name": "cnn_mamba"} | sized(lower, upper)

    assert numbers(table) == expected
    assert "size" not in table


def test_what_is_no_number_of_a_size_stays():
    table = sized({"window_s": 2.0, "width": 32, "pool": "cycle"}, {"name": "cnn"})

    assert (table["window_s"], table["pool"], table["width"]) == (2.0, "cycle", 64)


@pytest.mark.parametrize(("size", "near"), [("smal", ", did you mean 'small'"), (3, "")])
def test_another_size_is_refused(size, near):
    message = f"encoder.size = {size!r}, but it must be one of tiny, small, base{near}"
    with pytest.raises(SettingError, match=message):
        sized({}, {"size": size})


def test_another_name_is_left_to_the_reader():
    with pytest.raises(SettingError, match=r"name = 'cnnn', but it must be one of .*did you mean"):
        from_dict(EncoderConfig, sized({}, {"name": "cnnn"}), source="--set")
