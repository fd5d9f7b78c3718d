"""Pictures of answers, one for each recording."""

from collections.abc import Sequence
from pathlib import Path

from pahcl_core.data.output_folder import make_folder
from pahcl_core.errors import SettingError
from pahcl_core.evaluation.answers import NOTICE, Answer
from pahcl_core.evaluation.recordings_given import Given
from pahcl_core.plots.answer_plot import draw_answer
from pahcl_core.plots.figure import require_matplotlib

_ENDING = "_answer.png"


class PictureFolder:
    """Where the pictures of recordings go: `<stem>_answer.png`.

    Args:
        given: Whose recordings will be drawn.
        output_dir: Made if it is not there; beside each recording if None.

    Raises:
        SettingError: If matplotlib is missing, two pictures would have one name, or the folder
            cannot be made.
    """

    def __init__(self, given: Sequence[Given], output_dir: Path | None) -> None:
        require_matplotlib()
        self._output_dir = output_dir
        taken: dict[Path, Path] = {}
        for recording in (recording for one in given for recording in one.recordings):
            other = taken.setdefault(self.of(recording.path), recording.path)
            if other != recording.path:
                raise SettingError(
                    f"{other} and {recording.path} would both be drawn as "
                    f"{self.of(other).name}: ask about them one after the other, each with a "
                    "folder of its own (--output-dir)"
                )
        if output_dir is not None:
            make_folder(output_dir)

    def of(self, recording: Path) -> Path:
        """The picture of a recording."""
        return (self._output_dir or recording.parent) / (recording.stem + _ENDING)

    def draw(self, answer: Answer) -> None:
        """Draw the recordings that an answer rests on.

        Raises:
            DataError: If a picture cannot be written.
        """
        used = [one for one in answer.recordings if len(one.weights)]
        heaviest = max((float(one.weights.max()) for one in used), default=0.0)
        for one in used:
            rate = one.heart_rate_bpm
            draw_answer(
                self.of(one.path),
                one.samples,
                sample_rate=one.sample_rate,
                bounds_s=one.bounds_s,
                weights=one.weights,
                heaviest=heaviest,
                name=one.path.name,
                facts=[
                    *(verdict.words for verdict in answer.verdicts.values()),
                    "no cycles found" if rate is None else f"{rate:.0f} beats/min",
                    f"{len(one.weights)} {'windows' if rate is None else 'cycles'} in "
                    f"{one.duration_s:.1f} s",
                ],
                notice=NOTICE,
            )
