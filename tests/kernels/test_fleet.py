"""Which kernels the server remembers."""

from __future__ import annotations

import gc
import itertools
import weakref
from typing import Any

from tests.engine import running


async def test_a_kernel_is_forgotten_when_it_is_gone_and_nothing_has_it(jp_serverapp: Any) -> None:
    async with running(jp_serverapp) as engine:
        kernels = engine.services.kernels
        kernel = await kernels.start("python3", path="", env={})
        known = weakref.ref(kernel)

        kernel_id = kernel.id
        del kernel
        kernels["another"].losses  # noqa: B018  # kernels are looked through when one is new
        gc.collect()
        assert known() is kernels[kernel_id]
        await kernels[kernel_id].shutdown(by="a test", now=True)
        numbers = itertools.count()

        def is_forgotten() -> bool:
            kernels[f"new {next(numbers)}"].losses  # noqa: B018
            gc.collect()
            return known() is None

        await engine.until(is_forgotten)  # Jupyter tells of the end in tasks of its own


async def test_a_kernel_that_is_gone_has_its_losses_as_long_as_something_has_it(
    jp_serverapp: Any,
) -> None:
    async with running(jp_serverapp) as engine:
        kernels = engine.services.kernels
        kernel = await kernels.start("python3", path="", env={})

        await kernel.shutdown(by="a test", now=True)
        kernels["another"].losses  # noqa: B018
        gc.collect()

        assert kernels[kernel.id].losses == kernel.losses != ()
