"""What somebody meant who wrote a name that does not exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str], least: float = 0.6) -> str:
    """Return the known word that is spelled most alike, '' if none is near.

    Small and capital letters count as the same.

    :param least: how alike they must be, from 0 (whatever is nearest) to 1 (the same).
    """
    by_spelling = {each.lower(): each for each in known}
    near = difflib.get_close_matches(word.lower(), by_spelling, n=1, cutoff=least)
    return by_spelling[near[0]] if near else ''
