"""How many links to idle kernels are kept open."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_mcp_ext.kernels.links.links import DESCRIPTORS, McpLinks, fitting
from jupyter_mcp_ext.system import max_descriptors


@pytest.mark.parametrize(("descriptors", "links"), [(4_096, 157), (1_024, 39), (16, 1)])
def test_links_take_half_of_the_file_descriptors(descriptors: int, links: int) -> None:
    assert fitting(descriptors) == links


class Idle:
    """A link that no request uses."""

    is_idle = True


def test_as_many_links_stay_open_as_the_process_has_descriptors_for() -> None:
    links = McpLinks()
    closed: list[Any] = []
    number = max_descriptors() // 2 // DESCRIPTORS + 2
    for link in [Idle() for _ in range(number)]:
        links.put(link, lambda link=link: closed.append(link))  # type: ignore[arg-type, misc]  # a part of one

    links.close_surplus()

    assert len(closed) == 2
