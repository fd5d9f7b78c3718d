"""Keeping secrets out of what is recorded.

A configuration value is hidden if its name says that it is a secret (`api_key`, `db.password`,
`HF_TOKEN`), also where one text has both (`tracker.api_key=…`), and so is what stands before the
`@` of an address. Names are compared word by word: `num_tokens` and `cls_token_id` are no secrets.
A callable is named, never called. What the environment calls a secret is hidden wherever it turns
up, in the log, too.
"""

import dataclasses
import logging
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

HIDDEN = "[redacted]"

_WORDS = frozenset(
    {"password", "passwd", "passphrase", "secret", "secrets", "credential", "credentials", "apikey"}
)
_PAIRS = frozenset({"api key", "api keys", "access key", "private key", "auth key"})
_TOKEN = frozenset({"token"})
_TOKENS_OF_MODELS = frozenset(
    {"cls", "sep", "pad", "bos", "eos", "unk", "mask", "id", "ids", "num", "max", "min", "per",
     "len", "length", "size", "count", "type", "drop", "class", "register", "special", "memory"}
)  # fmt: skip
_USER_INFO = re.compile(r"(?<=[a-z0-9+.-]://)[^\s/?#]+@", re.IGNORECASE)
_NAME = r"(?<![\w.-])(?P<name>[\w.-]+)"
_NAMED = re.compile(_NAME + r"""["']?\s*[=:]\s*(?=[^\s,}])""")  # key=value, also in JSON
_VALUE = re.compile(r""""[^"]*"|'[^']*'|[^\s,}]+""")
_OPTION = re.compile(rf"\s*{_NAME}\s*=\s*(?=\S)")  # all of a text, blanks and all
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SHORTEST_SECRET = 8
_ENVIRONMENT = re.compile(
    r"(API_?KEY|ACCESS_?KEY|SECRET_?KEY|PRIVATE_?KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE)$",
    re.IGNORECASE,
)


def redacted(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration as nested plain values, without its secrets."""
    known = _secrets_of_environment()
    return {str(name): _redacted(str(name), value, known) for name, value in config.items()}


def redacted_text(text: str) -> str:
    """A message without passwords in addresses, and without the secrets of the environment."""
    return _hide(text, _secrets_of_environment())


def without_secrets(record: logging.LogRecord) -> bool:
    """A filter of a logger, which lets everything through, but for the secrets in it."""
    known = _secrets_of_environment()
    record.msg, record.args = _hide(record.getMessage(), known), None
    if record.exc_info:
        record.exc_text = _hide(logging.Formatter().formatException(record.exc_info), known)
    return True


def is_secret(name: str) -> bool:
    """Whether a value of this name is one to hide."""
    words = [word.lower() for word in _WORD.findall(name)]
    if set(words) & _WORDS or any(" ".join(words[i : i + 2]) in _PAIRS for i in range(len(words))):
        return True
    return bool(set(words) & _TOKEN) and not set(words) & _TOKENS_OF_MODELS


def tells_secret(command_line: Sequence[str]) -> bool:
    """Whether a program was given a secret where everybody reads it."""
    options = ["", *command_line]  # each before the argument that may be its value
    return any(
        redacted_text(argument) != argument
        or any(is_secret(named["name"]) for named in _NAMED.finditer(argument))
        or (option.startswith("-") and "=" not in option and is_secret(option))
        for option, argument in zip(options, command_line, strict=False)
    )


def _redacted(name: str, value: Any, known: list[str]) -> Any:  # noqa: ANN401
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    secret = is_secret(name)
    if isinstance(value, Mapping):
        if secret:
            return dict.fromkeys(map(str, value), HIDDEN)
        return {str(key): _redacted(str(key), below, known) for key, below in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted(name, below, known) for below in value]
    if value is None or isinstance(value, bool):
        return value
    if secret and not (isinstance(value, str) and value == ""):
        return HIDDEN
    if isinstance(value, int | float):
        return value
    if callable(value):
        named = value if hasattr(value, "__qualname__") else type(value)
        return f"{named.__module__}.{named.__qualname__}"
    return _hide(_without_named(str(value)), known)


def _without_named(text: str) -> str:
    """A text without the values in it that are named as secrets."""
    option = _OPTION.match(text)
    if option and is_secret(option["name"]):
        return text[: option.end()] + HIDDEN
    parts, done = [], 0
    for named in _NAMED.finditer(text):
        value = _VALUE.match(text, named.end())
        if value and named.start() >= done and is_secret(named["name"]):
            parts += [text[done : named.end()], HIDDEN]
            done = value.end()
    return "".join([*parts, text[done:]])


def _hide(text: str, known: list[str]) -> str:
    text = _USER_INFO.sub(f"{HIDDEN}@", text)
    for secret in known:
        text = text.replace(secret, HIDDEN)
    return text


def _secrets_of_environment() -> list[str]:
    """Values of variables that are named as secrets; they turn up in messages and settings."""
    values = {
        value
        for name, value in os.environ.items()
        if _ENVIRONMENT.search(name) and len(value) >= _SHORTEST_SECRET
    }
    return sorted(values, key=len, reverse=True)  # one may begin with another
