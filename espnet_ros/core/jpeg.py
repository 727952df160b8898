"""Checks that a JPEG is complete: OpenCV fills what is missing with grey."""

from __future__ import annotations

import re

_START, _END, _SCAN = b'\xff\xd8', b'\xff\xd9', b'\xff\xda'
# The marker of a segment before the pixels; FF may be repeated.
_MARKER = re.compile(rb'\xff[\x02-\xcf\xd9-\xfe]')


def is_jpeg(content: bytes) -> bool:
    """Return whether these bytes begin as a JPEG; its end may be missing."""
    return content.startswith(_START)


def is_cut_off(content: bytes) -> bool:
    """Return whether these bytes are a JPEG without its end; anything may follow the end."""
    if not is_jpeg(content):
        return False
    at = len(_START)
    # Skip each segment by its length: a thumbnail in a segment has an end marker, too.
    while (found := _MARKER.search(content, at)) and found.group() != _END:
        at = found.end() + int.from_bytes(content[found.end() : found.end() + 2], 'big')
        if found.group() == _SCAN:
            # Pixel data never contain the end marker; searching from behind finds it at once.
            return content.rfind(_END, at) < 0
    return found is None
