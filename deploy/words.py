"""Amounts and lists as `deploy` says them to people."""

from __future__ import annotations

from collections.abc import Sequence


def duration(seconds: float) -> str:
    """`1h30m`, as `job.units.parse_duration` reads it back; `0` for none."""
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    parts = [f"{_number(n)}{unit}" for n, unit in ((hours, "h"), (minutes, "m"), (left, "s")) if n]
    return "".join(parts) or "0"


def _number(amount: float) -> str:
    return f"{amount:.6f}".rstrip("0").rstrip(".")


def dollars(amount: float) -> str:
    """`$0.019` or `$5.01`: three decimals below ten cents; `$0` for what costs nothing."""
    if amount == 0:
        return "$0"
    return f"${amount:.3f}" if amount < 0.1 else f"${amount:,.2f}"


def counted(count: int, noun: str) -> str:
    """`1 workflow`, `2 workflows`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def listed(words: Sequence[str]) -> str:
    """`a`, `a and b` or `a, b and c`; empty for none."""
    if not words:
        return ""
    *former, last = words
    return f"{', '.join(former)} and {last}" if former else last
