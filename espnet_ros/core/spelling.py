"""Guesses the name that a misspelled one means."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str], least: float = 0.6) -> str:
    """Return the known word with the most similar spelling, or '' if none is near.

    Upper and lower case count as the same.

    :param least: the similarity needed, from 0 (whatever is nearest) to 1 (the same).
    """
    by_spelling = {each.lower(): each for each in known}
    near = difflib.get_close_matches(word.lower(), by_spelling, n=1, cutoff=least)
    return by_spelling[near[0]] if near else ''
