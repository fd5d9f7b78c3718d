"""The cards of the models that come with the package: words here, every figure from the runs."""

from collections.abc import Mapping, Sequence
from typing import Any

from pahcl_core.config import from_dict
from pahcl_core.data.download_collections import COLLECTIONS
from pahcl_core.models.encoder import EncoderConfig
from pahcl_core.training.checkpoint import Checkpoint

_LIMITS = """\
- Research software, not a medical device: it has been examined by no authority, and no diagnosis
  follows from what it says.
- It knows the stethoscopes, the places and the people of its recordings. On others it may be right
  less often, and surer than it should be; a score on recordings of your own comes first.
- It hears what lies between {low:g} and {high:g} Hz, in cycles that were found in the sound or
  annotated, and knows nothing of age, history or complaints.
- Quality is judged by rules and by an index fitted to one collection; a bad recording may pass."""
_FIGURES = (
    ("auroc", "AUROC, mean of the classes"),
    ("auprc", "AUPRC, mean of the classes"),
    ("weighted_accuracy", "weighted accuracy, Challenge 2022"),
    ("f1_macro", "F1, mean of the classes"),
    ("balanced_accuracy", "balanced accuracy"),
    ("sensitivity", "sensitivity"),
    ("specificity", "specificity"),
    ("accuracy", "accuracy"),
)


def encoder_card(
    metrics: Mapping[str, Any], settings: Mapping[str, Any], collections: Sequence[str]
) -> str:
    """Of the pretrained encoder.

    Args:
        metrics: The run's `final_metrics.json`.
        settings: Its `config.toml`.
        collections: That it was pretrained on.
    """
    encoder = from_dict(EncoderConfig, settings["encoder"], source="its settings")
    return "\n".join(
        (
            "# tiny",
            "",
            _kind(metrics),
            "An encoder: it turns one cardiac cycle into "
            f"{encoder.embedding_size} numbers, and tells nothing by itself. "
            "`pahcl finetune TASK --pretrained tiny` teaches it a task.",
            "",
            *_data(collections),
            "## Protocol",
            "",
            f"Pretrained without labels on {metrics['n']['train']} cycles of "
            f"{metrics['n_persons']} persons, seed {settings['seed']}; the best of "
            f"{settings['training']['epochs']} epochs, {metrics['best_epoch']}, by the loss of "
            "other persons. Those whom a fine-tuning with the same seed validates and tests on "
            "were left out.",
            "",
            *_encoder(settings),
            "## Limits",
            "",
            _limits(settings),
            "",
        )
    )


def task_card(
    metrics: Mapping[str, Any],
    settings: Mapping[str, Any],
    checkpoint: Checkpoint,
    collections: Sequence[str],
) -> str:
    """Of the fine-tuned model.

    Args:
        metrics: The run's `final_metrics.json`.
        settings: Its `config.toml`.
        checkpoint: The model.
        collections: That its encoder was pretrained on.
    """
    task = checkpoint.task
    assert task is not None, "it was fine-tuned"
    n, by_class = metrics["n"], metrics["n_by_class"]["test"]
    counted = ", ".join(f"{count} {name}" for name, count in by_class.items())
    return "\n".join(
        (
            f"# {task.name}",
            "",
            _kind(metrics),
            f"{task.description.partition('?')[0]}? It says of a {task.unit} one of "
            f"{', '.join(task.classes)}, with its probability and the cycles that it rests on. "
            "`pahcl predict FILE` asks it.",
            "",
            *_data(collections),
            "## Protocol",
            "",
            f"The encoder `tiny`, fine-tuned on {n['train']} {task.unit}s of CirCor, cycles pooled "
            f"by {metrics['pooling']}; epoch {metrics['best_epoch']} of "
            f"{settings['training']['epochs']}, chosen by {metrics['selected_by']} on {n['val']} "
            f"{task.unit}s for validation. No person is on two sides of the split; seed "
            f"{metrics['seed']}. {metrics['test_persons_seen_in_pretraining']} of the persons "
            "under test were pretrained on.",
            "",
            *_encoder(settings),
            "## Results",
            "",
            f"On {n['test']} {task.unit}s that it had not seen ({counted}); in brackets, 95 % over "
            "persons.",
            "",
            "| figure | value |",
            "| --- | --- |",
            *_figures(metrics),
            "",
            *_by_class(metrics),
            _operating_point(metrics, task.positive),
            "",
            _calibration(metrics),
            "",
            "## Limits",
            "",
            _few(metrics, by_class, task.unit) + _limits(settings),
            "",
        )
    )


def _kind(metrics: Mapping[str, Any]) -> str:
    if metrics["provenance"] == "synthetic":
        return "**Made from SYNTHETIC recordings: its figures say nothing about hearts.**\n"
    return "Made by `scripts/train_shipped_models.py`, every figure from the run itself.\n"


def _data(collections: Sequence[str]) -> list[str]:
    lines = ["## Data and attribution", ""]
    for name in collections:
        one = COLLECTIONS[name]
        lines += [f"- {one.title}. Licence: {one.licence}. {one.citation}"]
    return [*lines, ""]


def _encoder(settings: Mapping[str, Any]) -> list[str]:
    encoder, signal = settings["encoder"], settings["signal"]
    return [
        f"Encoder: {encoder['name']}, width {encoder['width']}, {encoder['num_blocks']} blocks. "
        f"Sound: {signal['sample_rate']} Hz, {signal['low_hz']:g}–{signal['high_hz']:g} Hz, "
        f"windows of {encoder['window_s']:g} s.",
        "",
    ]


def _figures(metrics: Mapping[str, Any]) -> list[str]:
    ends = metrics["intervals"]["test"]
    rows = []
    for name, title in _FIGURES:
        key = f"test_{name}"
        if key not in metrics:
            continue
        value, interval = metrics[key], ends.get(name)
        if value is None:
            rows.append(f"| {title} | undefined: {metrics['undefined'][key]} |")
        elif interval is None:
            rows.append(f"| {title} | {value:.3f} |")
        else:
            rows.append(f"| {title} | {value:.3f} [{interval[0]:.3f}, {interval[1]:.3f}] |")
    return rows


def _by_class(metrics: Mapping[str, Any]) -> list[str]:
    rows = metrics["confusion_matrix"]["test"]
    names = list(metrics["n_by_class"]["test"])
    return [
        "| true | " + " | ".join(f"said {name}" for name in names) + " |",
        "| --- |" + " --- |" * len(names),
        *(
            f"| {name} | " + " | ".join(map(str, row)) + " |"
            for name, row in zip(names, rows, strict=True)
        ),
        "",
    ]


def _operating_point(metrics: Mapping[str, Any], positive: str) -> str:
    point = metrics["operating_point"]
    if point.get("threshold") is None:
        why = f" ({point['undefined']})" if "undefined" in point else ""
        return f"It says the most probable class{why}."
    return (
        f"It says {positive} from a probability of {point['threshold']:.3f} on, chosen by the rule "
        f"`{point['rule']}` on the persons for validation ({point['chosen_for']} "
        f"{point['value']:.3f})."
    )


def _calibration(metrics: Mapping[str, Any]) -> str:
    found = metrics["calibration"]
    before = found["test"]["ece"]
    if found.get("temperature") is None:
        why = found.get("temperature_undefined", "there is nobody for validation")
        return f"Its probabilities are not calibrated: {why}. Expected error {before:.3f}."
    after = found["test_at_temperature"]["ece"]
    return (
        f"Probabilities are divided by a temperature of {found['temperature']:.2f}, fitted on the "
        f"persons for validation: expected calibration error on the test {after:.3f}, without it "
        f"{before:.3f}."
    )


def _few(metrics: Mapping[str, Any], by_class: Mapping[str, int], unit: str) -> str:
    rarest = min(by_class, key=lambda name: by_class[name])
    return (
        f"- Tested on {metrics['n']['test']} {unit}s only, {by_class[rarest]} of them {rarest}: "
        "see the intervals.\n"
    )


def _limits(settings: Mapping[str, Any]) -> str:
    signal = settings["signal"]
    return _LIMITS.format(low=signal["low_hz"], high=signal["high_hz"])
