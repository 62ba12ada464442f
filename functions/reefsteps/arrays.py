"""The array types of the project: one name for each element type, with any shape.

Shapes stand in docstrings, since numpy's types do not hold them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

AnyArray = npt.NDArray[Any]
BoolArray = npt.NDArray[np.bool_]
ByteArray = npt.NDArray[np.uint8]
HalfArray = npt.NDArray[np.float16]
Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.intp]
IntArray = npt.NDArray[np.int64]
Int32Array = npt.NDArray[np.int32]
LabelArray = npt.NDArray[np.uint16]

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""A picture's pixels, 8 or 16 bits a channel."""
