"""What the command line says of tracking, over what a run file says."""

from pathlib import Path

import pytest

from pahcl_cli.run_files import complete
from pahcl_cli.tracking import Tracking, TrackingConfig
from pahcl_core.config import from_dict
from pahcl_core.errors import SettingError
from pahcl_core.training.settings import PretrainConfig

BEGUN = {"trackers": ["slow", "console"], "options": ["slow.start_s=15", "console.every_s=5"]}


def over(given, before):
    return from_dict(TrackingConfig, given.over(before), source="tracking")


def test_options_go_with_their_tracker():
    """Also where a run is resumed with others than it began with."""
    assert over(Tracking(trackers=["console"]), BEGUN).options == ("console.every_s=5",)
    assert over(Tracking(trackers=["null"]), BEGUN).options == ()
    assert over(Tracking(), BEGUN).options == ("slow.start_s=15", "console.every_s=5")
    assert over(Tracking(wandb=True), BEGUN).trackers == ("slow", "console", "wandb")


def test_what_nobody_could_have_meant_is_left_to_be_refused():
    """An option of the file for a tracker that the file does not ask for."""
    assert over(Tracking(), {"options": ["slow.start_s=15"]}).options == ("slow.start_s=15",)


def test_options_are_added_and_the_same_one_is_replaced():
    given = Tracking(options=["slow.start_s = 1", "slow.log_s=2"])

    assert over(given, BEGUN).options == ("slow.start_s = 1", "console.every_s=5", "slow.log_s=2")


@pytest.mark.parametrize("seconds", [float("nan"), -1.0])
def test_a_time_to_wait_is_a_number_that_is_not_negative(seconds):
    with pytest.raises(SettingError, match=rf"finish_timeout_s must be at least 0, got {seconds}"):
        from_dict(TrackingConfig, {"finish_timeout_s": seconds}, source="run.toml")


def test_an_entity_is_one_more_option():
    given = Tracking(entity="us", wandb=True)

    assert over(given, {"options": ["wandb.entity=them", "wandb.mode=offline"]}).options == (
        "wandb.entity=us",
        "wandb.mode=offline",
    )


@pytest.fixture
def written():
    """`[tracking]` as a run's files have it, of one whose tracker was told a secret."""
    options = ("slow.api_key=hunter2", "slow.start_s=15", "slow.at=https://me:hunter2@host/x")
    tracked = TrackingConfig(trackers=("slow",), options=options, notes="for https://me:hunter2@x")
    return complete(PretrainConfig(data={"circor": Path("x")}), tracked)["tracking"]


def test_no_file_has_what_trackers_were_told_in_secret(written):
    assert "hunter2" not in str(written)
    assert written["options"] == [
        "slow.api_key=[redacted]",
        "slow.start_s=15",
        "slow.at=https://[redacted]@host/x",
    ]


def test_a_secret_is_to_be_given_again(written):
    with pytest.raises(SettingError) as refused:
        Tracking().over(written)
    assert str(refused.value) == (
        "tracker option slow.api_key: no file of a run has it, since it is a secret; give it "
        "again, as --tracker-option slow.api_key=VALUE"
    )
    with pytest.raises(SettingError, match=r"^tracker option slow\.at: "):
        Tracking(options=["slow.api_key=x1"]).over(written)

    again = ["slow.api_key=x1", "slow.at=https://me:x1@host/x"]
    assert over(Tracking(options=again), written).options == (
        "slow.api_key=x1",
        "slow.start_s=15",
        "slow.at=https://me:x1@host/x",
    )
    assert over(Tracking(trackers=["console"]), written).options == ()


def test_the_file_is_named_where_it_makes_no_sense():
    with pytest.raises(SettingError, match=r"^my\.toml, \[tracking\]: .*trackers"):
        Tracking().over({"trackers": "console"}, source="my.toml, [tracking]")
