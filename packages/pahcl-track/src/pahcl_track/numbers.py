"""Numbers of any library, recognised by what they can do: nothing is imported to know them."""

from typing import Any


def as_number(value: object) -> float | int | bool:
    """A Python number for anything that stands for one.

    NumPy scalars, arrays and tensors of one element, `Decimal` and the like are numbers. Text is
    none, even where it spells one. An element on an accelerator is waited for: `on_accelerator`.

    Raises:
        TypeError: If `value` is no number, or an integer that no float is near.
    """
    if type(value) is float or type(value) is bool:
        return value
    item = getattr(value, "item", None)
    try:
        if callable(item):
            value = item()
        if type(value) is float or type(value) is bool:
            return value
        if hasattr(type(value), "__float__") or hasattr(type(value), "__index__"):
            number = float(value)  # type: ignore[arg-type]
            return value if type(value) is int else number
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:  # several, or complex
        raise TypeError(f"{type(value).__name__} is not one number: {error}") from error
    raise TypeError(f"{type(value).__name__} is not a number")


def on_accelerator(value: object) -> bool:
    """Whether reading the value would make the caller wait for a device."""
    kind = getattr(getattr(value, "device", None), "type", None)
    return isinstance(kind, str) and kind not in ("cpu", "meta")


def snapshot(value: Any) -> Any:  # noqa: ANN401  a tensor of any library
    """A copy on the same device, made without waiting: the original may be changed in place."""
    return value.detach().clone() if hasattr(value, "detach") else value
