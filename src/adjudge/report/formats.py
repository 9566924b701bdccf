"""How numbers, shares and intervals are written: one place, pure functions, used as template filters."""

from __future__ import annotations

from typing import Any

MINUS, NO_BREAK, NONE = "−", " ", "–"


def change(value: float | None, digits: int = 1) -> str:
    """A relative change in per cent, always signed; zero has no sign.

    >>> change(-0.314), change(1.031), change(0.0), change(None)
    ('−31.4 %', '+103.1 %', '0 %', '–')
    """
    if value is None:
        return NONE
    return f"{_signed(100 * value, digits)}{NO_BREAK}%"


def share(value: float | None, digits: int = 1) -> str:
    """A share in per cent.

    >>> share(0.9503)
    '95.0 %'
    """
    return NONE if value is None else f"{_minus(f'{100 * value:.{digits}f}')}{NO_BREAK}%"


def decimal(value: float | None, digits: int = 3) -> str:
    """A plain number with a fixed count of decimals.

    >>> decimal(0.87345)
    '0.873'
    """
    return NONE if value is None else _minus(f"{value:.{digits}f}")


def points(value: float | None, digits: int = 3) -> str:
    """A difference of two plain numbers, always signed.

    >>> points(0.0214)
    '+0.021'
    """
    return NONE if value is None else _signed(value, digits)


def share_points(value: float | None, digits: int = 1) -> str:
    """A difference of two shares in percentage points, always signed.

    >>> share_points(0.031)
    '+3.1 pp'
    """
    return NONE if value is None else f"{_signed(100 * value, digits)}{NO_BREAK}pp"


def count(value: float | None) -> str:
    """A whole number with its thousands parted.

    >>> count(1234567)
    '1,234,567'
    """
    return NONE if value is None else _minus(f"{value:,.0f}")


def span(low: float | None, high: float | None, unit: str, digits: int | None = None) -> str:
    """An interval's two ends in a metric's unit, the per cent sign written once.

    >>> span(-0.35, -0.27, "change"), span(0.861, 0.884, "decimal"), span(0.94, 0.96, "share")
    ('−35.0 to −27.0 %', '0.861 to 0.884', '94.0 to 96.0 %')
    """
    if low is None or high is None:
        return ""
    first, last = write(low, unit, digits), write(high, unit, digits)
    for sign in ("%", "pp"):
        first = first.removesuffix(f"{NO_BREAK}{sign}")
    return f"{first} to {last}"


UNITS = {
    "change": change,
    "share": share,
    "decimal": decimal,
    "points": points,
    "share_points": share_points,
    "count": count,
}


def write(value: float | None, unit: str, digits: int | None = None) -> str:
    """`value` in one of UNITS."""
    writer: Any = UNITS[unit]
    return str(writer(value) if digits is None else writer(value, digits))


def plain(value: Any) -> str:
    """A settings value as a reader expects it: no quotes, lists with commas, nothing for null.

    >>> plain(None), plain(True), plain([1, 2]), plain(0.95)
    ('–', 'yes', '1, 2', '0.95')
    """
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(plain(part) for part in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} = {plain(part)}" for key, part in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)


def _signed(value: float, digits: int) -> str:
    text = f"{value:+.{digits}f}"
    return "0" if float(text) == 0 else _minus(text)


def _minus(text: str) -> str:
    if text.startswith("-"):
        return text[1:] if float(text.replace(",", "")) == 0 else MINUS + text[1:]
    return text
