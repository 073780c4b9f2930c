"""Numbers as people read them: one rule for each unit, used by page, index and terminal alike."""

from __future__ import annotations

import math

MISSING = "\N{EN DASH}"
SPACE = "\N{NARROW NO-BREAK SPACE}"


def number(value: float | None, unit: str) -> str:
    """A measured value without its unit's name: three digits for bits, whole per cent for shares of 1% and more."""
    if value is None or not math.isfinite(value):
        return MISSING
    if unit == "share":
        return f"{100 * value:.1f}{SPACE}%" if 0 < value < 0.01 else f"{100 * value:.0f}{SPACE}%"
    if unit == "bits/byte":
        return f"{value:.3f}"
    if unit in ("parameters", "tokens", "count"):
        return scaled(value)
    return f"{value:.4g}"


def interval(low: float | None, high: float | None, unit: str) -> str:
    """A 95% interval in the same digits as its value; empty where there is none."""
    if low is None or high is None:
        return ""
    first, last = number(low, unit), number(high, unit)
    if unit == "share":
        first = first.removesuffix(f"{SPACE}%")
    return f"{first} to {last}"


def scaled(value: float) -> str:
    """12.3 k, 4.56 M: three significant digits."""
    for limit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= 0.9995 * limit:  # 999,999 is 1 M, and not 1e+03 k
            return f"{value / limit:.3g}{SPACE}{name}"
    return f"{value:.3g}"


def size(value: float) -> str:
    """A size in bytes, in decimal units."""
    return f"{scaled(value)}B" if value >= 1000 else f"{value:.0f}{SPACE}B"


def duration(seconds: float | None) -> str:
    """8 min 03 s, 45 s, 2 h 10 min."""
    if seconds is None:
        return MISSING
    if seconds < 60:
        return f"{seconds:.0f}{SPACE}s" if seconds >= 10 else f"{seconds:.1f}{SPACE}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}{SPACE}min {rest:02d}{SPACE}s"
    return f"{minutes // 60}{SPACE}h {minutes % 60:02d}{SPACE}min"
