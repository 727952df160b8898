"""Checks of single values; each returns what was expected if it refuses a value, else None."""

from __future__ import annotations

import math
import re

from espnet_ros.core.input_size import LARGEST, STRIDE, is_size_wh
from espnet_ros.core.names import CAMERA, COSTMAP_STATUS
from espnet_ros.core.topics import taken_names

# How devices are named.
DEVICE = re.compile(r'auto|cpu|cuda(:\d+)?')


def device_problem(value: str) -> str | None:
    """Check the name of a device."""
    return None if DEVICE.fullmatch(value) else 'expected auto, cpu, cuda or cuda:N'


def cameras_problem(value: tuple[str, ...]) -> str | None:
    """Check names of cameras, which become parts of topics and names on /diagnostics."""
    bad = [name for name in value if not re.fullmatch(CAMERA, name)]
    if bad:
        # The caller adds the whole value; if all names are bad, listing them would repeat it.
        which = f', unlike {", ".join(map(repr, bad))}' if len(bad) < len(value) else ''
        return f'expected names that start with a letter and hold letters, digits, _ and /{which}'
    if len(set(value)) < len(value):
        return 'expected names that differ'
    taken = taken_names(value)
    shared = [name for name in value if name in taken]
    if shared:
        return f'expected names that are not prefixes of other topics, unlike {", ".join(shared)}'
    if COSTMAP_STATUS in value:
        return f'expected other names than {COSTMAP_STATUS}, the status of the costmaps'
    return None


def size_problem(value: tuple[int, ...]) -> str | None:
    """Check width and height of the network input, pixels."""
    if value == (0, 0) or is_size_wh(value):
        return None
    return (
        f'expected [width, height], both multiples of {STRIDE} from {STRIDE} to {LARGEST}, '
        'or [0, 0]'
    )


def sides_problem(value: tuple[float, ...]) -> str | None:
    """Check the sides of a grid, metres."""
    ok = len(value) == 2 and all(0.1 <= side <= 1000.0 for side in value)
    return None if ok else 'expected [along x, along y], each 0.1 to 1000.0 m'


def band_problem(value: tuple[float, ...]) -> str | None:
    """Check two heights, metres."""
    ok = len(value) == 2 and all(map(math.isfinite, value)) and value[0] < value[1]
    return None if ok else 'expected [lowest, highest] in metres, the first below the second'


def frame_problem(value: str) -> str | None:
    """Check the name of a TF frame."""
    if value and not value.startswith('/'):
        return None
    return 'expected the name of a frame without a leading slash'


def three_problem(value: tuple[float, ...]) -> str | None:
    """Check the position or the angles of a mount."""
    ok = len(value) == 3 and all(map(math.isfinite, value))
    return None if ok else 'expected three finite numbers'
