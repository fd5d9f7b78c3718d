"""Small collections, small models, and trackers for the tests of training."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pahcl_core.data.collection import Collection, Recording, Subject
from pahcl_core.data.cycle_set import CycleSet
from pahcl_core.data.preparation import SignalConfig
from pahcl_core.data.splits import Split
from pahcl_core.data.synthetic_circor import write_synthetic_circor
from pahcl_core.models.encoder import EncoderConfig
from pahcl_core.training.cohorts import Cohorts, cohorts_of
from pahcl_core.training.people import Cohort
from pahcl_core.training.settings import FinetuneConfig, PretrainConfig, ScheduleConfig
from pahcl_track import Outcome, Run
from support.objectives import contrastive

RATE = 500
TONE_HZ = {"Absent": 30.0, "Present": 110.0, "Unknown": 65.0}
OUTCOME = {"Absent": "Normal", "Present": "Abnormal", "Unknown": "Normal"}


class Silent:
    """A tracker that keeps nothing."""

    def start(self, run: Run) -> None: ...

    def log(self, values: Any, *, step: int) -> None: ...

    def save(self, path: Path, *, kind: str) -> None: ...

    def finish(self, outcome: Outcome) -> None: ...


@pytest.fixture(scope="session")
def silent() -> Silent:
    return Silent()


@pytest.fixture(scope="session")
def circor(tmp_path_factory) -> Path:
    """Sixteen synthetic patients, two of whom are one person, in CirCor's layout."""
    root = tmp_path_factory.mktemp("collection") / "circor"
    write_synthetic_circor(root, num_patients=16, seed=1, duration_s=(3.0, 3.5))
    return root


@pytest.fixture(scope="session")
def finetune_config(tmp_path_factory) -> Callable[..., FinetuneConfig]:
    """The settings of a fine-tuning that takes a second; each has its own output folder."""

    def make(**changes: Any) -> FinetuneConfig:
        settled = dict(
            task="circor_murmur",
            data_dir=Path("nowhere"),
            output_dir=tmp_path_factory.mktemp("outputs"),
            device="cpu",
            pooling="attention",  # whatever the default: it has the most to go wrong
            signal=SignalConfig(sample_rate=RATE, high_hz=200.0),
            encoder=EncoderConfig(width=16, num_blocks=1, state_size=4, window_s=1.024),
            training=ScheduleConfig(epochs=2, batch_size=16, cycles_per_recording=2),
        )
        return FinetuneConfig(**{**settled, **changes})

    return make


@pytest.fixture(scope="session")
def pretrain_config(finetune_config) -> Callable[..., PretrainConfig]:
    """The settings of a pretraining, equal to those of `finetune_config` where they have any.

    `data_dir` and `collection` stand for `data` with one collection.
    """

    def make(
        *, data_dir: Path = Path("nowhere"), collection: str = "circor", **changes: Any
    ) -> PretrainConfig:
        alike = finetune_config()
        shared = ("output_dir", "device", "signal", "encoder", "training")
        settled = {name: getattr(alike, name) for name in shared}
        settled["objective"] = contrastive()
        return PretrainConfig(**{**settled, "data": {collection: data_dir}, **changes})

    return make


@pytest.fixture(scope="session")
def make_cohort() -> Callable[..., Cohort]:
    """People whose class can be told by ear: a tone in systole, low, middle or high.

    Each is one subject, with two recordings of four one-second cycles. `train`, `val` and `test`
    list the murmur labels of the people on each side.
    """

    def make(
        *,
        train: Sequence[str] = ("Absent", "Absent", "Present", "Present", "Unknown", "Unknown"),
        val: Sequence[str] = ("Absent", "Present", "Unknown"),
        test: Sequence[str] = ("Absent", "Present", "Unknown"),
        seed: int = 0,
    ) -> Cohort:
        rng = np.random.default_rng(seed)
        subjects, recordings, signals = [], [], []
        ids: dict[str, list[str]] = {"train": [], "val": [], "test": []}
        for side, labels in (("train", train), ("val", val), ("test", test)):
            for murmur in labels:
                subject_id = f"{len(subjects):03}"
                ids[side].append(subject_id)
                truth = {"murmur": murmur, "outcome": OUTCOME[murmur]}
                subjects.append(
                    Subject(subject_id=subject_id, person_id=f"p{subject_id}", labels=truth)
                )
                for location in ("AV", "MV"):
                    recordings.append(_recording(subject_id, location, truth))
                    signals.append(_sound(TONE_HZ[murmur], rng))
        split = Split(**{side: tuple(numbers) for side, numbers in ids.items()})
        return _cohort(subjects, recordings, signals, split)

    return make


def _recording(subject_id: str, location: str, labels: dict[str, str]) -> Recording:
    return Recording(
        recording_id=f"{subject_id}_{location}",
        subject_id=subject_id,
        path=Path("nowhere") / f"{subject_id}_{location}.wav",
        sample_rate=RATE,
        num_samples=4 * RATE,
        location=location,
        labels=labels,
    )


def _sound(tone_hz: float, rng: np.random.Generator) -> np.ndarray:
    """Four cycles of a second: noise, and in each second from 0.1 to 0.5 a tone."""
    time = np.arange(4 * RATE) / RATE
    tone = np.sin(2 * np.pi * tone_hz * time + rng.uniform(0, 2 * np.pi))
    systole = (time % 1 >= 0.1) & (time % 1 < 0.5)
    return (rng.normal(0, 0.3, len(time)) + 3 * tone * systole).astype(np.float32)


def _cohort(
    subjects: list[Subject], recordings: list[Recording], signals: list[np.ndarray], split: Split
) -> Cohort:
    offsets = np.arange(len(signals) + 1) * 4 * RATE
    second = RATE * np.arange(4)[:, None] + np.array([0, 50, 250, 300, 490])
    cycles = CycleSet(
        recordings=tuple(recordings),
        sources=("annotation",) * len(recordings),
        sample_rate=RATE,
        samples=np.concatenate(signals),
        offsets=offsets,
        recording=np.repeat(np.arange(len(signals)), 4),
        bounds=np.concatenate([offset + second for offset in offsets[:-1]]),
    )
    collection = Collection(
        name="toy",
        root=Path("nowhere"),
        provenance="synthetic",
        subjects=tuple(subjects),
        recordings=tuple(recordings),
    )
    return Cohort(collection=collection, cycles=cycles, split=split, problems=())


@pytest.fixture(scope="session")
def cohort(make_cohort) -> Cohort:
    """Thirty people, ten of each class, with two recordings each."""
    classes = ("Absent", "Present", "Unknown")
    return make_cohort(train=classes * 6, val=classes * 2, test=classes * 2)


@pytest.fixture(scope="session")
def make_cohorts(make_cohort) -> Callable[..., Cohorts]:
    """What a pretraining of these settings makes of collections that were read."""

    def make(config: PretrainConfig, **by_name: Cohort) -> Cohorts:
        return cohorts_of(by_name or {"toy": make_cohort()}, config)

    return make


@pytest.fixture
def on(mocker) -> Callable[..., None]:
    """Let `finetune` and `pretrain` read this cohort instead of files."""

    def give(cohort: Cohort) -> None:
        mocker.patch("pahcl_core.training.finetune.read_cohort", return_value=cohort)
        mocker.patch(
            "pahcl_core.training.pretrain.read_cohorts",
            side_effect=lambda config, progress: cohorts_of({"toy": cohort}, config),
        )

    return give


@pytest.fixture
def stop_in_epoch() -> Callable[..., Any]:
    """A `progress` that raises in the middle of an epoch, counted from 1."""

    def make(epoch: int, error: BaseException) -> Any:
        begun = 0

        def progress(items: Any, total: int) -> Any:
            nonlocal begun
            begun += 1
            for number, item in enumerate(items):
                if begun == epoch and number == 1:
                    raise error
                yield item

        return progress

    return make
