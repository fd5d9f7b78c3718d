"""Whether a run can be reported to Weights & Biases from here; no key is ever shown."""

import netrc
import os
import urllib.error
import urllib.request
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from pahcl_cli.doctor import Finding

_ANSWERS_WITHIN_S = 5.0
_MODES = ("online", "offline", "disabled", "shared", "dryrun", "run")


def wandb_findings() -> list[Finding]:
    """Nothing where wandb is not installed: it is named among the extras."""
    if find_spec("wandb") is None:
        return []
    given = os.environ.get("WANDB_MODE")
    if given and given not in _MODES:  # wandb would not say so a second time
        said = f"WANDB_MODE={given}: W&B knows no such mode"
        remedy = "set it to online, offline or disabled, or to nothing"
        return [Finding(name="wandb mode", state="broken", said=said, remedy=remedy)]
    import wandb

    try:
        settings = wandb.setup().settings
    except ValueError as error:
        said = f"its settings make no sense: {' '.join(str(error).split())}"
        remedy = "correct the WANDB_* variables, or wandb's own file of settings"
        return [Finding(name="wandb mode", state="broken", said=said, remedy=remedy)]
    mode = settings.mode
    if mode != "online":
        said = f"mode {mode}" + (": runs are kept on disk" if mode == "offline" else "")
        remedy = "send them later with `wandb sync`" if mode == "offline" else ""
        return [Finding(name="wandb mode", state="ok", said=said, remedy=remedy)]
    found = [Finding(name="wandb mode", state="ok", said="online")]
    source = _key_source(settings.base_url)
    if source is None:
        return [
            *found,
            Finding(
                name="wandb login",
                state="warning",
                said="not logged in",
                remedy="`wandb login`, or WANDB_MODE=offline to keep runs on disk",
            ),
        ]
    found.append(Finding(name="wandb login", state="ok", said=f"a key in {source}"))
    return [*found, _server(settings.base_url)]


def _key_source(url: str) -> str | None:
    """Where wandb finds a key; None where it does not."""
    if os.environ.get("WANDB_API_KEY"):
        return "WANDB_API_KEY"
    if os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return "WANDB_IDENTITY_TOKEN_FILE"
    names = [os.environ.get("NETRC"), "~/.netrc", "~/_netrc"]
    for file in (Path(name).expanduser() for name in names if name):
        try:
            entry = netrc.netrc(str(file)).hosts.get(urlsplit(url).hostname or "")
        except (OSError, netrc.NetrcParseError):
            continue
        if entry is not None and entry[2]:
            return str(file)
    return None


def _server(url: str) -> Finding:
    """Any answer will do; a proxy is gone through where one is set."""
    where = f"{urlsplit(url).scheme}://{urlsplit(url).hostname}"
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=_ANSWERS_WITHIN_S):
            pass
    except urllib.error.HTTPError:
        pass  # it answers
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        return Finding(
            name="wandb server",
            state="warning",
            said=f"{where} does not answer: {reason}",
            remedy="WANDB_MODE=offline and `wandb sync` later; behind a proxy set HTTPS_PROXY",
        )
    return Finding(name="wandb server", state="ok", said=f"{where} answers")
