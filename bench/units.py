"""How figures are written for people."""

from __future__ import annotations

from collections.abc import Callable

Unit = Callable[[float], str]


def per_second(value: float) -> str:
    """Write a rate."""
    return f"{value:,.0f}/s"


def milliseconds(seconds: float) -> str:
    """Write a short time, given in seconds, or a longer one if that is what it turned out to be."""
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def seconds(value: float) -> str:
    """Write a longer time, or a short one if that is what it turned out to be."""
    return f"{value:.3g} s" if value >= 0.1 else milliseconds(value)


def mebibytes(value: float) -> str:
    """Write an amount of memory."""
    return f"{value:.0f} MiB"
