"""Recordings to embeddings, by an encoder that stays as it is."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from pahcl_core.baselines.remembered import content_of, remembered
from pahcl_core.baselines.settings import BaselineConfig
from pahcl_core.training.checkpoint import Checkpoint, encoder_from, load_checkpoint, load_fitting
from pahcl_core.training.device import resolve_device
from pahcl_core.training.people import Cohort, num_known
from pahcl_core.training.probe import recording_embeddings
from pahcl_core.training.settings import FinetuneConfig
from pahcl_core.training.shipped import model_file
from pahcl_core.training.windows import WindowSource


@dataclass(frozen=True, kw_only=True, slots=True)
class Frozen:
    """The encoder of a checkpoint."""

    path: Path
    """As it was named: a file, a run's directory or a model that comes with the package."""

    checkpoint: Checkpoint

    def reading(self, config: FinetuneConfig) -> FinetuneConfig:
        """What reads recordings as the encoder is shown them."""
        return replace(config, encoder=self.checkpoint.encoder_config)

    def embed(
        self, cohort: Cohort
    ) -> tuple[Int64[np.ndarray, "recordings"], Float64[np.ndarray, "recordings figures"]]:
        """Which recordings have cycles, ascending, and a row of `recording_embeddings` of each."""
        heard = np.unique(cohort.cycles.recording)
        weights = hashlib.sha256(model_file(self.path).read_bytes()).hexdigest()
        key = (content_of(cohort.cycles), "embedding", weights)
        return heard, remembered(key, lambda: self._embedded(cohort))

    def _embedded(self, cohort: Cohort) -> Float64[np.ndarray, "recordings figures"]:
        config, device = self.checkpoint.encoder_config, resolve_device("auto")
        encoder = encoder_from(self.path, self.checkpoint, config).to(device)
        source = WindowSource.seen_by(config, cohort.cycles, self.checkpoint.signal, device)
        _, rows = recording_embeddings(encoder, source, cohort)
        return rows

    def account(self, cohort: Cohort) -> dict[str, Any]:
        """What `final_metrics.json` says of it: how many of the persons under test it has heard."""
        known = num_known(cohort, self.checkpoint.persons, source=self.path)
        return {"test_persons_seen_in_pretraining": known}


def load_frozen(config: BaselineConfig) -> Frozen | None:
    """The encoder that a baseline asks; None where it needs none.

    Raises:
        DataError: If the checkpoint cannot be used.
        SettingError: If its recordings were prepared in another way; says how to match that.
    """
    if config.pretrained is None:
        return None
    wanted = load_checkpoint(config.pretrained).encoder_config  # whichever it is
    checkpoint = load_fitting(config.pretrained, wanted, config.signal)
    return Frozen(path=config.pretrained, checkpoint=checkpoint)
