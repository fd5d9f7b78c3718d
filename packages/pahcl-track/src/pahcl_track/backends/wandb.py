"""Weights & Biases.

What is unusual:

- wandb's own step must grow, and drops what comes late. Here every row carries the optimiser's
  step as `global_step`, on which every chart is drawn, and wandb counts rows for itself.
- wandb is imported when a run starts, not before: half a second for those who do not use it.
- Nobody is asked for a key, and no server is waited for longer than `init_timeout_s`.
"""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from pahcl_track.backends import wandb_service
from pahcl_track.backends.wandb_values import shown
from pahcl_track.errors import TrackerError
from pahcl_track.protocol import Outcome, Run
from pahcl_track.redaction import tells_secret
from pahcl_track.values import Value

if TYPE_CHECKING:
    import wandb

STEP = "global_step"
"""The axis of every chart."""

_RESERVED = frozenset({"", "_step", "_runtime", "_timestamp", "_wandb", STEP})
_ARTIFACT_KINDS = {"checkpoint": "model", "report": "report"}
_FALSE = frozenset({"0", "false", "f", "no", "n", "off"})
_MISSING = (
    "wandb is not installed; pip install 'pahcl-track[wandb]' brings it, "
    "and --tracker console does without"
)
_NOT_LOGGED_IN = (
    "not logged in to W&B: run `wandb login --relogin`, or set WANDB_API_KEY, or set "
    "WANDB_MODE=offline to record on disk now and send later with `wandb sync`"
)


class WandbTracker:
    """Reports a run to W&B, or records it for W&B on disk (`mode=offline`).

    What an option leaves open is read from the `WANDB_*` variables, as wandb itself does.
    """

    def __init__(
        self,
        *,
        project: str | None = None,
        entity: str | None = None,
        mode: Literal["online", "offline", "disabled"] | None = None,
        id: str | None = None,
        resume: Literal["allow", "must", "never", "auto"] | None = None,
        save_code: bool = True,
        code_dir: Path | None = None,
        system_metrics: bool = True,
        init_timeout_s: float = 15.0,
        finish_timeout_s: float = 60.0,
    ) -> None:
        """Note the options; W&B is not touched before `start`.

        Args:
            project: Before the run's own, and before `WANDB_PROJECT`.
            entity: Team or user.
            mode: Send as it goes, record on disk, or do nothing.
            id: Of the W&B run, to go on with it.
            resume: What W&B does where that id exists; with an id, it goes on by default.
            save_code: Keep the program's main file and, in a git repository, what is not committed
                with the run, unless `WANDB_DISABLE_CODE` is set.
            code_dir: Keep the Python files below it as well, as an artifact.
            system_metrics: Let wandb record the machine's load.
            init_timeout_s: How long to wait for a server at the start.
            finish_timeout_s: How long to wait at the end for what is still to be sent.
        """
        self._project = project
        self._entity = entity
        self._mode = mode
        self._id = id
        self._resume = resume
        self._save_code = save_code
        self._code_dir = code_dir
        self._system_metrics = system_metrics
        self._init_timeout_s = init_timeout_s
        self._finish_timeout_s = finish_timeout_s
        self._run: wandb.Run | None = None

    def start(self, run: Run) -> None:
        """Begin a W&B run whose files lie in the run's own directory.

        Raises:
            TrackerError: If wandb is not installed, nobody is logged in, or no server answers;
                the message says what to do.
        """
        try:
            import wandb
        except ImportError as error:
            raise TrackerError(_MISSING) from error
        wandb_service.forget_if_dead()
        wandb_service.bound_its_end(self._finish_timeout_s)
        mode = self._mode or os.environ.get("WANDB_MODE") or "online"
        try:
            if mode == "online":
                _forget_user_info(wandb.setup().settings)
                if not wandb.login(prompt=False):
                    raise TrackerError(_NOT_LOGGED_IN)
            self._run = self._begin(run)
        except TrackerError:
            raise
        except Exception as error:
            raise TrackerError(
                f"W&B did not start ({' '.join(str(error).split())}); WANDB_MODE=offline records "
                "on disk, for `wandb sync` later"
            ) from error
        self._run.define_metric(STEP, hidden=True)
        self._run.define_metric("*", step_metric=STEP, step_sync=False)

    def position(self) -> int | None:
        """Rows that W&B holds of this run; each call of `log` makes one."""
        return None if self._run is None else self._run.starting_step

    def _begin(self, run: Run) -> "wandb.Run":
        import wandb

        environment = os.environ
        directory = Path(environment.get("WANDB_DIR") or run.directory)
        run_id = self._id or environment.get("WANDB_RUN_ID") or run.id
        if run.resumed_from_step is not None:
            _set_aside(directory / "wandb", run_id)
        settings = wandb.Settings(
            init_timeout=self._init_timeout_s,
            finish_timeout=self._finish_timeout_s,
            finish_timeout_raises=True,  # or what was not sent would be thought to be there
            x_disable_stats=not self._system_metrics,
            x_disable_meta=tells_secret(sys.argv[1:]),  # it has the command line
            save_code=self._save_code and _saves_code(),
            console="off",  # the run's own train.log has it, without the progress bars
        )
        if self._code_dir is not None:
            settings.code_dir = str(self._code_dir)
        if not sys.stderr.isatty() and "WANDB_SILENT" not in environment:
            settings.silent = True
        return wandb.init(
            project=self._project or _project(run),
            entity=self._entity,
            mode=self._mode,
            name=environment.get("WANDB_NAME") or run.name,
            id=None if "WANDB_SWEEP_ID" in environment else run_id,
            resume=self._resume
            or ("allow" if run_id and "WANDB_RESUME" not in environment else None),
            group=run.group,
            job_type=run.job_type,
            tags=list(run.tags) or None,
            notes=run.notes,
            config=_plain(run.config),
            dir=directory,
            reinit="create_new",  # two runs in one process stay two
            settings=settings,
        )

    def log(self, values: Mapping[str, Value], *, step: int) -> None:
        """Add a row of the history."""
        if self._run is not None:
            self._run.log({STEP: step, **_shown(values)})

    def save(self, path: Path, *, kind: str) -> None:
        """Keep a file: checkpoints and reports as artifacts, others among the run's files.

        Raises:
            FileNotFoundError: If it is not there.
        """
        if self._run is None:
            return
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no file to keep with the run")
        if kind in _ARTIFACT_KINDS:
            import wandb

            artifact = wandb.Artifact(f"{self._run.id}-{kind}", type=_ARTIFACT_KINDS[kind])
            artifact.add_file(str(path))
            best = ["best"] if path.stem.startswith("best") else []
            self._run.log_artifact(artifact, aliases=["latest", *best])
        else:  # a copy of our own: wandb would warn about the link it makes
            copy = Path(self._run.dir) / path.name
            shutil.copyfile(path, copy)
            self._run.save(str(copy), base_path=self._run.dir, policy="now")

    def finish(self, outcome: Outcome) -> None:
        """Give the run its final figures, and end it as it ended."""
        if self._run is None:
            return
        run, self._run = self._run, None
        try:
            run.summary.update(_shown(outcome.summary))
            if outcome.status != "completed":
                run.summary.update({"status": outcome.status, "error": outcome.error})
            run.finish(exit_code=0 if outcome.status == "completed" else 1)
        except Exception:
            wandb_service.forget_if_dead(patience_s=1.0)
            raise


def _forget_user_info(settings: "wandb.Settings") -> None:
    """Take name and password out of the server's address.

    wandb sends its key in their place, but would write the address to its logs as it is.
    """
    address = urlsplit(settings.base_url)
    if "@" in address.netloc:
        host = address.netloc.rpartition("@")[2]
        settings.base_url = address._replace(netloc=host).geturl()


def _saves_code() -> bool:
    """Whether the environment leaves it on; texts are true or false as wandb takes them."""
    saved, disabled = (
        os.environ.get(name, "").lower() for name in ("WANDB_SAVE_CODE", "WANDB_DISABLE_CODE")
    )
    return saved not in _FALSE and (disabled in _FALSE or not disabled)


def _shown(values: Mapping[str, Value]) -> dict[str, Any]:
    """As wandb takes them, without those that it cannot show."""
    found = {_free(name): shown(name, value) for name, value in values.items()}
    return {name: value for name, value in found.items() if value is not None}


def _free(name: str) -> str:
    """The name, or another where W&B would take the value for one of its own."""
    return f"logged/{name}" if name in _RESERVED else name


def _project(run: Run) -> str:
    """The run's own where somebody chose it; a run that kept the default leaves it to W&B."""
    if run.project != Run.__dataclass_fields__["project"].default:
        return run.project
    return os.environ.get("WANDB_PROJECT") or run.project


def _set_aside(directory: Path, run_id: str | None) -> None:
    """Keep `wandb sync` from sending what an earlier stretch of this run recorded offline.

    A run that is gone on with offline is recorded anew from its first row, since nobody can add to
    such a record, and one that was killed is not whole.
    """
    for earlier in directory.glob(f"offline-run-*-{run_id}"):
        kept = directory / "superseded"
        kept.mkdir(exist_ok=True)
        earlier.rename(kept / earlier.name)


def _plain(value: Any) -> Any:  # noqa: ANN401  a configuration's plain values, nested
    if isinstance(value, Mapping):
        return {str(key): _plain(below) for key, below in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(below) for below in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
