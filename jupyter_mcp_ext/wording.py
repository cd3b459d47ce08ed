"""Counts, sizes and times as words."""

from __future__ import annotations

_UNITS = ("B", "kB", "MB", "GB")


def counted(number: int, noun: str, plural: str = "") -> str:
    """``1 variable``, ``1,200 variables``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def size(count: int, *, digits: int = 2, base: int = 1000) -> str:
    """Bytes in a unit that is read at a glance: ``1.2 MB``, ``640 kB``.

    ``digits`` are those that a number below 10 has at most. With a ``base`` of 1024 a GB has 1024³
    bytes, as memory limits are set.
    """
    power = next((p for p in (3, 2, 1) if count >= 1000 * base ** (p - 1)), 0)
    value = count / base**power
    number = f"{value:.0f}" if value >= 10 ** (digits - 1) else f"{value:.{digits}g}"
    return f"{number} {_UNITS[power]}"


def seconds(value: float) -> str:
    """A duration: ``0.84 s``, ``50 s``, ``31 min``."""
    if value < 10:
        return f"{value:.2f} s"
    return f"{value:.0f} s" if value < 120 else f"{value / 60:.0f} min"


def ago(value: float) -> str:
    """How long ago something was, by the seconds since: ``just now``, ``31 min ago``."""
    if value < 60:
        return "just now" if value < 5 else f"{value:.0f} s ago"
    if value < 5400:
        return f"{value / 60:.0f} min ago"
    return f"{value / 3600:.0f} h ago" if value < 172_800 else f"{value / 86_400:.0f} d ago"
