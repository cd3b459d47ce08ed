"""Arrays that are made from a buffer."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from jupyter_mcp_ext.in_kernel.snapshot.arrays import COPIED, make_array


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("size", [1_000, COPIED // 8 + 1_000])
def test_an_array_owns_its_memory_whatever_its_size(size: int, order: Literal["C", "F"]) -> None:
    numbers = np.arange(size, dtype="f8").reshape(2, -1, order=order)
    buffer = bytearray(numbers.tobytes(order=order))

    made = make_array(buffer, numbers.dtype, numbers.shape, order)

    assert made.flags.owndata
    assert made.base is None
    assert made.flags[f"{order}_CONTIGUOUS"]
    assert np.array_equal(made, numbers)
