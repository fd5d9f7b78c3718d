"""What a pretraining is looked at by: its figures, a labelled fold, and that nothing changes."""

import logging
from dataclasses import replace

import numpy as np
import pytest
import torch

from oracles import representation as oracle
from pahcl_core.errors import SettingError
from pahcl_core.models.encoder import EncoderConfig
from pahcl_core.training.augmentation import AugmentationConfig
from pahcl_core.training.nearest_neighbours import MonitorConfig
from pahcl_core.training.pretrain import pretrain
from pahcl_core.training.pretraining import Pretraining
from pahcl_core.training.settings import ScheduleConfig
from pahcl_track import Tracker
from support.objectives import contrastive

MURMUR = MonitorConfig(task="circor_murmur", neighbours=3)
STILL = AugmentationConfig(gain=0.0, noise=0.0, shift_s=0.0)
FIGURES = {
    "val/alignment",
    "val/uniformity",
    "val/retrieval",
    "val/collapsed",
    "val/effective_rank",
    "val/embedding_deviation",
}
NEIGHBOURS = {"train/knn_accuracy", "train/knn_balanced_accuracy", "train/knn_auroc"}


@pytest.fixture
def learner(pretrain_config, make_cohort, make_cohorts):
    def make(cohort=None, **changes):
        config = pretrain_config(**{"augmentation": STILL, **changes})
        torch.manual_seed(0)
        cohorts = make_cohorts(config, circor=cohort or make_cohort())
        return Pretraining(config, torch.device("cpu"), cohorts)

    return make


def test_the_figures_are_of_the_validation_batches(learner, mocker):
    """Against the papers, of what the encoder and its projections make of the same batches."""
    one = learner(training=ScheduleConfig(batch_size=3, cycles_per_recording=4))
    seen = mocker.spy(one.monitor, "see")

    scores = one.validate()

    assert seen.call_count > 2
    batches = [call.args for call in seen.mock_calls]
    with torch.no_grad():
        projected = [
            [one.heads["cycle"](view.cycle).double().numpy() for view in (first, second)]
            for first, second, _ in batches
        ]
    first, second = (np.concatenate(side) for side in zip(*projected, strict=True))
    embedding = torch.cat([first.cycle for first, _, _ in batches]).double().numpy()
    assert len(embedding) == len(one.val_cycles)
    found = sum(
        len(p) * oracle.retrieval(a, b, p.tolist())
        for (a, b), (_, _, p) in zip(projected, batches, strict=True)
    )
    unit = np.array([oracle.unit(row) for row in embedding])
    expected = {
        "val/alignment": oracle.alignment(first, second),
        "val/uniformity": oracle.uniformity(first),
        "val/retrieval": found / len(embedding),
        "val/effective_rank": oracle.effective_rank(embedding),
        "val/embedding_deviation": unit.std(axis=0).mean(),
        "val/collapsed": 0.0,
    }
    assert {name: scores[name] for name in expected} == pytest.approx(expected, rel=1e-5)
    assert set(scores) == FIGURES | {"val/loss", "val/cycle_loss", "val/substructure_loss"}


def test_neighbours_are_recordings_of_training_persons_by_their_mean(learner, make_cohort, mocker):
    """With a murmur label for each, against the votes of the mean of their cycles.

    Of eight cycles an epoch draws two are taken here, the second and the last of four.
    """
    cohort = make_cohort(train=("Absent", "Present", "Unknown", "Present", "Absent", "Absent"))
    one = learner(
        cohort, monitor=MURMUR, training=ScheduleConfig(batch_size=16, cycles_per_recording=8)
    )

    seen = mocker.spy(one, "_cycle_embeddings")

    scores = one.validate()

    asked = np.concatenate([call.args[0] for call in seen.mock_calls])
    assert asked.tolist() == [4 * n + place for n in range(12) for place in (1, 3)]
    train = [n for n, r in enumerate(one.cycles.recordings) if r.subject_id < "circor/006"]
    assert len(train) == 12
    with torch.no_grad():
        points = [
            one.encoder(*one.source[np.array([4 * n + 1, 4 * n + 3])]).cycle.double().mean(dim=0)
            for n in train
        ]
    classes = ("Absent", "Present", "Unknown")
    labels = [classes.index(one.cycles.recordings[n].labels["murmur"]) for n in train]
    person = [n // 2 for n in train]
    shares = np.array(oracle.votes([p.tolist() for p in points], labels, person, 3, 3))
    said = shares.argmax(axis=1)
    recalls = [(said[np.array(labels) == c] == c).mean() for c in range(3)]
    assert scores["train/knn_accuracy"] == pytest.approx((said == labels).mean())
    assert scores["train/knn_balanced_accuracy"] == pytest.approx(np.mean(recalls))
    assert set(scores) >= NEIGHBOURS


@pytest.mark.parametrize("train_on", ["train", "all"])
def test_nobody_of_validation_or_test_is_a_neighbour(learner, mocker, train_on):
    """Whoever else the encoder is trained on."""
    one = learner(monitor=MURMUR, train_on=train_on)
    seen = mocker.spy(one, "_cycle_embeddings")

    one.validate()

    cycles = np.concatenate([call.args[0] for call in seen.mock_calls])
    owners = {one.cycles.recordings[n].subject_id for n in one.cycles.recording[cycles]}
    assert owners == {f"circor/{number:03}" for number in range(6)}


def test_recordings_without_a_label_are_no_neighbours(learner, make_cohort, mocker):
    cohort = make_cohort()
    recordings = [
        replace(one, labels={} if n in (0, 5) else one.labels)
        for n, one in enumerate(cohort.cycles.recordings)
    ]
    cycles = replace(cohort.cycles, recordings=tuple(recordings))
    one = learner(replace(cohort, cycles=cycles), monitor=MURMUR)
    seen = mocker.spy(one, "_cycle_embeddings")

    one.validate()

    asked = np.concatenate([call.args[0] for call in seen.mock_calls])
    assert set(one.cycles.recording[asked]) == set(range(12)) - {0, 5}


def test_the_number_of_neighbours_changes_what_they_say(learner):
    scores = [
        learner(monitor=replace(MURMUR, neighbours=number)).validate()["train/knn_auroc"]
        for number in (1, 8)
    ]

    assert scores[0] != scores[1]


def test_two_persons_are_needed(learner, make_cohort):
    cohort = make_cohort()
    split = replace(cohort.split, train=cohort.split.train[:2], val=cohort.split.train[2:])
    subjects = [replace(s, person_id="one") if s.subject_id < "002" else s
                for s in cohort.collection.subjects]  # fmt: skip
    cohort = replace(
        cohort, split=split, collection=replace(cohort.collection, subjects=tuple(subjects))
    )

    with pytest.raises(SettingError, match="at least two training persons, and there are 1"):
        learner(cohort, monitor=MURMUR, train_on="all")


def test_a_task_of_another_collection_is_refused(pretrain_config):
    """Before anything is read."""
    with pytest.raises(
        ValueError, match=r"'pascal' is about pascal, which is not pretrained on; only circor"
    ):
        pretrain_config(monitor=MonitorConfig(task="pascal"))


@pytest.mark.parametrize(
    ("objective", "names"),
    [
        (
            contrastive(),
            ["S1", "systole", "S2", "diastole"],
        ),
        (contrastive(substructures=2), ["part 1 of 2", "part 2 of 2"]),
    ],
)
def test_what_collapsed_is_named_and_said_once(learner, caplog, mocker, objective, names):
    """Projections that are all one point, then an encoder that is, too, then one that is not."""
    one = learner(objective=objective)
    weights = {name: tensor.clone() for name, tensor in one.heads.state_dict().items()}

    def warnings():
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            collapsed = one.validate()["val/collapsed"]
        return collapsed, [record.message.partition(" (")[0] for record in caplog.records]

    part = "part" if objective.num_equal_parts else "phase"
    assert warnings() == (0.0, [])
    with torch.no_grad():
        one.heads[part].out.weight.zero_()
    every = [f"collapse: the projections of {name} are one point" for name in names]
    assert warnings() == (float(len(names)), every)
    with torch.no_grad():
        one.heads["cycle"].out.weight.zero_()
    assert warnings() == (len(names) + 1.0, ["collapse: the cycle projections are one point"])
    forward = one.encoder.forward

    def of_one_cycle(*args, **options):
        made = forward(*args, **options)
        return made._replace(cycle=made.cycle[:1].expand_as(made.cycle))

    mocker.patch.object(one.encoder, "forward", of_one_cycle)
    assert warnings() == (len(names) + 2.0, ["collapse: the cycle embeddings are one point"])
    assert warnings() == (len(names) + 2.0, [])
    one.heads.load_state_dict(weights)
    assert warnings() == (2.0, [])


def test_one_phase_can_collapse_alone(learner, caplog, mocker):
    """And cycles whose phases are unknown say nothing of it."""
    one = learner()
    forward = one.encoder.forward

    def without_systole(*args, **options):
        made = forward(*args, **options)
        phases = made.phases.clone()
        phases[:, 1] = 1.0
        valid = made.phase_valid.clone()
        phases[::4], valid[::4] = 0.0, False
        return made._replace(phases=phases, phase_valid=valid)

    mocker.patch.object(one.encoder, "forward", without_systole)

    assert one.validate()["val/collapsed"] == 1.0
    assert [r.message.partition(" (")[0] for r in caplog.records] == [
        "collapse: the projections of systole are one point"
    ]


def test_what_has_no_rank_is_left_out(learner):
    """Where all is one point there is none, and 0 would be a figure."""
    one = learner(monitor=MURMUR)
    with torch.no_grad():
        one.encoder.norm.weight.zero_()

    scores = one.validate()

    assert "val/effective_rank" not in scores
    assert scores["val/uniformity"] == pytest.approx(0.0, abs=1e-9)
    assert scores["val/retrieval"] == 0.0


def test_no_number_leaves_the_loss_to_say_so(learner):
    one = learner(monitor=MURMUR)
    with torch.no_grad():
        one.encoder.norm.bias.fill_(torch.nan)

    scores = one.validate()

    assert set(scores) == {"val/loss", "val/cycle_loss", "val/substructure_loss"}
    assert np.isnan(scores["val/loss"])


def test_neighbours_that_are_no_numbers_say_nothing(learner, mocker):
    one = learner(monitor=MURMUR)
    mocker.patch.object(
        one, "_cycle_embeddings", lambda batch: torch.full((len(batch), 64), torch.nan)
    )

    scores = one.validate()

    assert set(scores) >= FIGURES
    assert not set(scores) & NEIGHBOURS


def test_of_several_collections_all_are_looked_at_together(
    pretrain_config, make_cohort, make_cohorts, mocker, tmp_path
):
    """Not once more with each collection's own loss."""
    names = ("circor", "pascal")
    config = pretrain_config(
        data={name: tmp_path / name for name in names}, monitor=MURMUR, validation_share=0.4
    )
    cohorts = make_cohorts(config, **{name: make_cohort(seed=n) for n, name in enumerate(names)})
    one = Pretraining(config, torch.device("cpu"), cohorts)
    seen = mocker.spy(one.monitor, "see")
    asked = mocker.spy(one, "_cycle_embeddings")

    scores = one.validate()

    assert {"val/loss/circor", "val/loss/pascal"} < set(scores)
    cycles = sum(len(call.args[2]) for call in seen.mock_calls)
    drawn = np.unique(one.cycles.recording[one.val_cycles])
    assert cycles == config.training.cycles_per_recording * len(drawn)
    asked_of = np.concatenate([call.args[0] for call in asked.mock_calls])
    owners = {one.cycles.recordings[n].subject_id for n in one.cycles.recording[asked_of]}
    assert owners == {f"circor/{number:03}" for number in range(6)}


def test_being_looked_at_changes_nothing(pretrain_config, make_cohort, make_cohorts, silent,
                                         mocker):  # fmt: skip
    """Weights and losses are the same to the bit, with dropout and every augmentation at work."""
    results = []
    for monitor in (MonitorConfig(), MURMUR):
        config = pretrain_config(
            monitor=monitor,
            encoder=EncoderConfig(
                width=16, num_blocks=1, state_size=4, window_s=1.024, dropout=0.3
            ),
            training=ScheduleConfig(epochs=3, batch_size=8, cycles_per_recording=4),
        )
        cohorts = make_cohorts(config, circor=make_cohort())
        mocker.patch("pahcl_core.training.pretrain.read_cohorts", return_value=cohorts)
        if not monitor.task:  # nor does looking at the batches
            mocker.patch("pahcl_core.training.monitor.Monitor.scores", return_value={})
            mocker.patch("pahcl_core.training.monitor.Monitor.see")
        results.append(pretrain(config, tracker=silent))
        mocker.stopall()

    alone, watched = results
    assert watched.checkpoint.read_bytes() == alone.checkpoint.read_bytes()
    assert {n: v for n, v in watched.metrics.items() if n in alone.metrics} == alone.metrics
    more = {f"val_{name.removeprefix('val/')}" for name in FIGURES}
    more |= {f"train_{name.removeprefix('train/')}" for name in NEIGHBOURS}
    assert set(watched.metrics) - set(alone.metrics) == more


def test_a_tracker_is_told_after_every_epoch(pretrain_config, make_cohort, make_cohorts, mocker):
    config = pretrain_config(monitor=MURMUR)
    cohorts = make_cohorts(config, circor=make_cohort())
    mocker.patch("pahcl_core.training.pretrain.read_cohorts", return_value=cohorts)
    tracker = mocker.create_autospec(Tracker, instance=True)

    pretrain(config, tracker=tracker)

    for name in FIGURES | NEIGHBOURS:
        steps = [c.kwargs["step"] for c in tracker.log.mock_calls if name in c.args[0]]
        assert len(steps) == config.training.epochs, name
