"""The ``sitecustomize`` of Pythons in a sandbox: they see what was installed for their session.

No other hook of Python's comes after the packages of its environment, and reaches the programs that
a kernel starts too. It stands in a folder beside what was installed.
"""

from __future__ import annotations

import os
import sys


def add_packages(own: str) -> None:
    """Add what was installed, after all else: nothing that is there already is replaced.

    ``own`` is the folder of this file.
    """
    if own in sys.path:
        sys.path.remove(own)
    _run_hidden()
    folder = os.path.dirname(own)
    try:
        with open(os.path.join(folder, "python")) as file:
            python = file.read()
    except OSError:  # nothing was installed yet
        python = ""
    version = "{}-{}.{}".format(sys.implementation.name, *sys.version_info)
    if python in ("", version):
        sys.path.append(os.path.join(folder, "site"))


def _run_hidden() -> None:
    """Run the ``sitecustomize`` of the environment, which this one hides."""
    this = sys.modules.pop("sitecustomize", None)
    try:
        __import__("sitecustomize")
    except Exception as err:  # noqa: BLE001  # as Python does, which would only report it
        if getattr(err, "name", "") != "sitecustomize":
            sys.stderr.write(f"Error in sitecustomize: {err!r}\n")
        if this is not None:
            sys.modules["sitecustomize"] = this
