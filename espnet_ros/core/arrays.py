"""Kinds of arrays that annotations name; docstrings say shapes and units."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# Masks, confidences, colours.
UInt8Array = npt.NDArray[np.uint8]
# Poses, points, rays.
Floats = npt.NDArray[np.float64]
# Points for messages, in the optical frame, and the rays that they lie on.
Points = npt.NDArray[np.float32]
# Which elements of another array.
Bools = npt.NDArray[np.bool_]
# Places in other arrays.
Indices = npt.NDArray[np.intp]
# Places of pixels in an image, row by row: half the memory of `Indices`.
Pixels = npt.NDArray[np.int32]
