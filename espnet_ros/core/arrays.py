"""Kinds of arrays that annotations name; docstrings say shapes and units."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# Masks, confidences, colours.
UInt8Array = npt.NDArray[np.uint8]
# Poses, points, rays.
Floats = npt.NDArray[np.float64]
# Places in other arrays.
Indices = npt.NDArray[np.intp]
