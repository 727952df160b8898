"""Whether the data of a JPEG are all there: OpenCV fills what is missing with grey."""

from __future__ import annotations

import re

_START, _END, _SCAN = b'\xff\xd8', b'\xff\xd9', b'\xff\xda'
# What stands between the segments before the pixels; FF may be repeated.
_MARKER = re.compile(rb'\xff[\x02-\xcf\xd9-\xfe]')


def is_jpeg(content: bytes) -> bool:
    """Return whether these are the bytes of a JPEG, of which the end may be missing."""
    return content.startswith(_START)


def is_cut_off(content: bytes) -> bool:
    """Return whether these are the bytes of a JPEG without its end; what follows that is free."""
    if not is_jpeg(content):
        return False
    at = len(_START)
    # From segment to segment by their lengths: a thumbnail in one of them has an end, too.
    while (found := _MARKER.search(content, at)) and found.group() != _END:
        at = found.end() + int.from_bytes(content[found.end() : found.end() + 2], 'big')
        if found.group() == _SCAN:
            # Among the pixels FF is always followed by something else; and it is found from behind
            # at once.
            return content.rfind(_END, at) < 0
    return found is None
