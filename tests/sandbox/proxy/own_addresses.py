"""``python -m tests.sandbox.proxy.own_addresses FOLDER``: which addresses are taken for others'.

Runs in a network of its own, which it sets up. Prints a line of JSON for each thing that was tried.
"""

from __future__ import annotations

import os
import resource
from pathlib import Path

from jupyter_mcp_ext.sandbox.proxy.outside import is_outside
from tests.sandbox.internet import OURS, THEIRS, run
from tests.sandbox.reached import say

OURS_6, THEIRS_6 = "2606:2800:21f::1", "2606:2800:21f::14"


def main() -> None:
    """Try all of it."""
    for command in (
        "link set lo up",
        "link add here type veth peer name there",
        f"addr add dev here {OURS}/24",
        f"-6 addr add dev here {OURS_6}/64 nodad",
        "link set here up",
        "link set there up",
    ):
        run(f"ip {command}")
    say("ours", [is_outside(OURS), is_outside(OURS_6)])
    say("theirs", [is_outside(THEIRS), is_outside(THEIRS_6)])
    for version in ("ipv4", "ipv6"):
        Path(f"/proc/sys/net/{version}/ip_nonlocal_bind").write_text("1")
    say("ours, and any can be bound", [is_outside(OURS), is_outside(OURS_6)])
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, free))
    say("without a descriptor", [is_outside(OURS), is_outside(THEIRS)])


if __name__ == "__main__":
    main()
