"""Figures that a node said in words, and how the demo says them."""

from __future__ import annotations


def number(text: str | None) -> float | None:
    """Return the number that a text is, None where it is none."""
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None


def with_unit(value: float | None, unit: str) -> str:
    """Return a figure for a table, ``unknown`` where there is none."""
    return 'unknown' if value is None else f'{value:.1f} {unit}'
