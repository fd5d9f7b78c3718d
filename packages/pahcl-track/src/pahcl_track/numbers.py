"""Numbers of any library, recognised by what they can do: nothing is imported to know them."""

from typing import Any


def as_number(value: object) -> float | int | bool:
    """A Python number for anything that stands for one.

    NumPy scalars, arrays and tensors of one element, `Decimal` and the like are numbers. Text is
    none, even where it spells one. An element on an accelerator is waited for: `on_accelerator`.

    Raises:
        TypeError: If `value` is no number.
    """
    if type(value) in (float, int, bool):
        return value  # type: ignore[return-value]
    item = getattr(value, "item", None)
    try:
        if callable(item):
            value = item()
            if type(value) in (float, int, bool):
                return value  # type: ignore[return-value]
        if hasattr(type(value), "__float__") or hasattr(type(value), "__index__"):
            return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError) as error:  # more than one element, or complex
        raise TypeError(f"{type(value).__name__} is not one number: {error}") from error
    raise TypeError(f"{type(value).__name__} is not a number")


def on_accelerator(value: object) -> bool:
    """Whether reading the value would make the caller wait for a device."""
    kind = getattr(getattr(value, "device", None), "type", None)
    return isinstance(kind, str) and kind not in ("cpu", "meta")


def snapshot(value: Any) -> Any:  # noqa: ANN401  a tensor of any library
    """A copy on the same device, made without waiting: the original may be changed in place."""
    return value.detach().clone() if hasattr(value, "detach") else value
