"""Figures that a node reports as text, and how the demo prints them."""

from __future__ import annotations


def number(text: str | None) -> float | None:
    """Return a text as a number, None if it is not one."""
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None


def with_unit(value: float | None, unit: str) -> str:
    """Return a figure for a table, ``unknown`` if there is none."""
    return 'unknown' if value is None else f'{value:.1f} {unit}'
