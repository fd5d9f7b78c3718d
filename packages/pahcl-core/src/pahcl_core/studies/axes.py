"""What an ablation of pretraining can vary, by name; `pahcl ablate --list` prints this."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import get_args

from pahcl_core.errors import SettingError, closest
from pahcl_core.models.kinds import EncoderName
from pahcl_core.studies.variants import Variant
from pahcl_core.training.objective import ObjectiveConfig
from pahcl_core.training.settings import PretrainConfig

_OF_QUEUE = ("queue_size", "momentum")
"""Settings that are read with `objective.negatives = "queue"` alone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """One question, and the variants that answer it."""

    name: str
    question: str
    values: Mapping[str, tuple[str, ...]]
    """Settings by what the variant is called."""

    @property
    def variants(self) -> tuple[Variant, ...]:
        """Named `<axis>=<value>`."""
        return tuple(
            Variant(name=f"{self.name}={value}", settings=settings)
            for value, settings in self.values.items()
        )


def _weights(
    cycle: float, substructure: float, prediction: float, anchor: float
) -> tuple[str, ...]:
    """Of the four losses, the same from beginning to end."""
    return (
        f"objective.cycle_weight={cycle}",
        f"objective.substructure_weight={substructure}",
        f"objective.prediction_weight={prediction}",
        f"objective.anchor_weight={anchor}",
        "objective.cycle_starts=0",
        "objective.cycle_full=0",
    )


def _each(key: str, *values: object) -> dict[str, tuple[str, ...]]:
    return {str(value): (f"{key}={value}",) for value in values}


AXES: Mapping[str, Axis] = {
    axis.name: axis
    for axis in (
        Axis(
            name="levels",
            question="Which losses: of cycles, of what is in them, of prediction, of the anchor?",
            values={
                "cycle": _weights(1, 0, 0, 0),
                "substructure": _weights(0, 1, 0, 0),
                "both": _weights(1, 0.5, 0, 0),
                "prediction": _weights(0, 0, 1, 0),
                "anchored": _weights(0, 0, 1, 1),
                "all": _weights(1, 0.5, 1, 1),
            },
        ),
        Axis(
            name="encoder",
            question="Which encoder, in the size of the base's?",
            values=_each("encoder.name", *get_args(EncoderName)),
        ),
        Axis(
            name="substructures",
            question="What is told apart within a cycle: its four phases, or equal parts?",
            values=_each("objective.substructures", "physiology", 2, 4, 8),
        ),
        Axis(
            name="temperature",
            question="How sharp are the contrastive losses?",
            values=_each("objective.temperature", 0.05, 0.1, 0.2, 0.5),
        ),
        Axis(
            name="positives",
            question="What belongs together: cycles of a recording, of a person, or views of one?",
            values=_each("objective.positives", "same_recording", "same_person", "same_cycle"),
        ),
        Axis(
            name="lambda",
            question="What do substructures weigh against cycles, and do they come first?",
            values={
                **{
                    str(weight): (
                        "objective.cycle_weight=1",
                        f"objective.substructure_weight={weight}",
                    )
                    for weight in (0.25, 0.5, 1, 2)
                },
                "substructures_first": (
                    "objective.cycle_weight=1",
                    "objective.substructure_weight=0.5",
                    "objective.cycle_starts=0.1",
                    "objective.cycle_full=0.5",
                ),
            },
        ),
        Axis(
            name="negatives",
            question="What are views held against, and are a person's own cycles among it?",
            values={
                "batch": ("objective.negatives=batch",),
                "queue": ("objective.negatives=queue",),
                "same_person_too": ("objective.exclude_same_person=false",),
            },
        ),
    )
}


def axis_named(name: str) -> Axis:
    """The axis of that name.

    Raises:
        SettingError: If there is none; names those there are and the closest.
    """
    if name not in AXES:
        raise SettingError(
            f"no axis named {name!r}{closest(name, AXES)}; axes: {', '.join(AXES)}; or your own "
            "with --vary section.key=value,value"
        )
    return AXES[name]


def refuse_idle(configs: Sequence[tuple[Variant, PretrainConfig]]) -> None:
    """Refuse variants that differ from the first in nothing but settings without effect.

    Raises:
        SettingError: Naming one, and what keeps its settings idle.
    """
    (_, base), *others = configs
    effective = replace(base, objective=_effective(base.objective))
    for variant, config in others:
        if replace(config, objective=_effective(config.objective)) == effective:
            why = _why_idle(base.objective, config.objective)
            raise SettingError(f"{variant.name} would change nothing, with {why}")


def _why_idle(base: ObjectiveConfig, objective: ObjectiveConfig) -> str:
    """What keeps the settings idle in which two objectives differ, and what to do about it."""
    names = (field.name for field in fields(objective))
    apart = {name for name in names if getattr(base, name) != getattr(objective, name)}
    if objective.is_contrastive and apart.issubset(_OF_QUEUE):
        return "the negatives of the batch; give the base a queue: --set objective.negatives=queue"
    off = ", ".join(f"objective.{name}" for name in _off(objective))
    return (
        f"a weight of 0 for {off}; give the base another, such as --set objective.cycle_weight=1 "
        "--set objective.substructure_weight=0.5"
    )


def _off(objective: ObjectiveConfig) -> Iterator[str]:
    """Weights that are 0 and leave other settings idle; the anchor's leaves none."""
    for name in ("cycle_weight", "substructure_weight", "prediction_weight"):
        if getattr(objective, name) == 0:
            yield name


def _effective(objective: ObjectiveConfig) -> ObjectiveConfig:
    """The same, with settings that nothing reads, as of losses without weight, as by default."""
    default, idle = ObjectiveConfig(), list[str]()
    off = set(_off(objective))
    if "substructure_weight" in off:
        idle += ["substructures"]
    if {"cycle_weight", "substructure_weight"} <= off:
        idle += ["temperature", "exclude_same_person", "negatives", *_OF_QUEUE]
    if objective.negatives == "batch":
        idle += _OF_QUEUE
    if "prediction_weight" in off:
        idle += ["hidden_share", "hidden_s"]
    return replace(objective, **{name: getattr(default, name) for name in idle})
