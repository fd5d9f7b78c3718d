"""A small collection on disk, and the settings of an ablation that takes seconds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pahcl_core.data.preparation import SignalConfig
from pahcl_core.data.synthetic_physionet2016 import write_synthetic_physionet2016
from pahcl_core.models.encoder import EncoderConfig
from pahcl_core.training.settings import PretrainConfig, ScheduleConfig
from support.objectives import contrastive


@pytest.fixture(scope="session")
def physionet2016(tmp_path_factory) -> Path:
    """Thirty recordings, each of a person of its own."""
    root = tmp_path_factory.mktemp("collection") / "physionet2016"
    write_synthetic_physionet2016(root, num_recordings=30, seed=2, duration_s=(3.0, 3.5))
    return root


@pytest.fixture(scope="session")
def store(tmp_path_factory) -> Path:
    """Where all ablations of the tests find prepared recordings."""
    return tmp_path_factory.mktemp("prepared")


@pytest.fixture(scope="session")
def base_config(physionet2016, store, tmp_path_factory) -> Callable[..., PretrainConfig]:
    """The base of an ablation; each has its own output folder."""

    def make(**changes: Any) -> PretrainConfig:
        settled = dict(
            data={"physionet2016": physionet2016},
            output_dir=tmp_path_factory.mktemp("outputs"),
            experiment_name="study",
            seed=7,
            device="cpu",
            num_workers=1,
            store=store,
            signal=SignalConfig(sample_rate=500, high_hz=200.0),
            encoder=EncoderConfig(width=16, num_blocks=1, state_size=4, window_s=1.024),
            objective=contrastive(),
            training=ScheduleConfig(epochs=2, batch_size=16, cycles_per_recording=2),
        )
        return PretrainConfig(**{**settled, **changes})

    return make
