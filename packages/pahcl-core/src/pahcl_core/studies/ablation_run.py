"""One run of an ablation: an encoder, pretrained or with random weights, and what probes say."""

import time
from collections.abc import Sequence

from pahcl_core.data.preparation import Progress
from pahcl_core.data.tasks import Task
from pahcl_core.models.encoder import Encoder
from pahcl_core.studies.holding import HeldOpen
from pahcl_core.studies.probing import PROBE, Probed, load_probe, probe, save_probe
from pahcl_core.studies.study import PlannedRun
from pahcl_core.training.checkpoint import encoder_from, load_checkpoint
from pahcl_core.training.cohorts import read_cohorts
from pahcl_core.training.device import reproducible, resolve_device
from pahcl_core.training.pretrain import pretrain
from pahcl_core.training.run_directory import BEST, is_complete
from pahcl_core.training.settings import PretrainConfig
from pahcl_track import Run


def pretrained_and_probed(
    run: PlannedRun[PretrainConfig],
    tasks: Sequence[Task],
    *,
    tracker: HeldOpen,
    described: Run,
    progress: Progress,
) -> Probed:
    """Pretrain and probe, or go on where an earlier attempt ended, or read what it came to.

    Args:
        run: What to do, and where.
        tasks: What to probe.
        tracker: Told of the run; not at all where it is complete.
        described: What it is told first.
        progress: As in `pretrain`.

    Raises:
        DataError: As `pretrain`.
        SettingError: As `pretrain`.
        TrainingError: As `pretrain`.
    """
    directory = run.directory
    if (directory / PROBE).exists():
        return load_probe(directory / PROBE)
    seconds: float | None = None
    if is_complete(directory):
        tracker.reopen(described)
    else:
        goes_on, started = directory.exists(), time.perf_counter()
        pretrain(run.config, tracker=tracker, run=described, resume=goes_on, progress=progress)
        seconds = None if goes_on else time.perf_counter() - started
    with tracker.ending() as summary:
        probed = _probed(run.config, tasks, seconds, progress, pretrained=True)
        save_probe(directory / PROBE, probed)
        for task in tasks:
            area = probed.said[task.name].auroc(task) if task.name in probed.said else None
            if area is not None:
                summary[f"probe/{task.name}_auroc"] = area
    return probed


def random_and_probed(
    run: PlannedRun[PretrainConfig], tasks: Sequence[Task], progress: Progress
) -> Probed:
    """Probe the encoder with the weights that it has before training.

    Args:
        run: Whose encoder, and where to.
        tasks: What to probe.
        progress: Shown the recordings as they are read.
    """
    directory = run.directory
    if (directory / PROBE).exists():
        return load_probe(directory / PROBE)
    probed = _probed(run.config, tasks, None, progress, pretrained=False)
    directory.mkdir(parents=True, exist_ok=True)
    save_probe(directory / PROBE, probed)
    return probed


def _probed(
    config: PretrainConfig,
    tasks: Sequence[Task],
    seconds: float | None,
    progress: Progress,
    *,
    pretrained: bool,
) -> Probed:
    device = resolve_device(config.device)
    with reproducible(config.seed, config.machine, device):
        if pretrained:
            path = config.output_dir / config.name / BEST
            encoder = encoder_from(path, load_checkpoint(path), config.encoder)
        else:
            encoder = Encoder(config.encoder, sample_rate=config.signal.sample_rate)
        cohorts = read_cohorts(config, progress)
        said, refused = probe(encoder, cohorts, config, tasks, device)
    return Probed(said=said, refused=refused, provenance=cohorts.provenance, seconds=seconds)
