"""The texts that the server sends to kernels, named for what they do.

The first call of each reads files and takes milliseconds: on the event loop, call it in a thread.
"""

from __future__ import annotations

from functools import cache

from .joining import imported, joined


@cache
def listing() -> str:
    """The code whose function ``listing`` lists variables."""
    return joined("variables.listing")


@cache
def inspection() -> str:
    """The code whose function ``inspection`` inspects one variable."""
    later = ("variables.data", "variables.code", "variables.figures")
    return joined("variables.inspecting", later=later)


@cache
def near() -> str:
    """The code whose function ``near`` finds the near misses of an error."""
    return joined("variables.near", later=("variables.code",))


@cache
def stale() -> str:
    """The code whose function ``stale`` finds modules that are older than their files."""
    return joined("variables.stale")


@cache
def beginning() -> str:
    """The code whose function ``begin`` starts a save: short, since the kernel compiles it."""
    return joined("snapshot.forking")


@cache
def saving() -> str:
    """The code whose functions ``save`` and ``supervise`` write variables."""
    return joined("snapshot.supervising")


@cache
def loading() -> str:
    """The code whose functions ``load`` and ``about`` bring variables back.

    Snapshots name functions of the modules that the pickler uses.
    """
    return joined(*imported("snapshot.pickler"), "snapshot.loading")


@cache
def forgetting() -> str:
    """The code whose function ``forget`` deletes variables."""
    return joined("snapshot.forgetting")


@cache
def running() -> str:
    """The code whose function ``run`` runs a function of another text."""
    return joined("running")


@cache
def holding() -> str:
    """The code whose function ``hold`` lets a request in a subshell end unnoticed."""
    return joined("holding")


@cache
def environment() -> str:
    """The code whose functions ``where`` and ``loaded`` tell about the kernel's Python."""
    return joined("environment")


@cache
def interrupts() -> str:
    """The code that makes xeus-python handle interrupts like other Python kernels."""
    return joined("interrupts") + "take_interrupts()\n"


@cache
def startup() -> str:
    """A ``sitecustomize`` that adds what was installed for a session alone."""
    return joined("startup") + "add_packages(os.path.dirname(os.path.abspath(__file__)))\n"


@cache
def configuration() -> str:
    """An ``ipython_kernel_config.py`` for a kernel under Landlock."""
    return joined("configuration") + "leave_out()\n"


@cache
def whitespace() -> str:
    """The code whose function ``whitespace`` finds white space that pandas does not show."""
    return joined("whitespace")


@cache
def distributions() -> str:
    """A script that describes an environment when its Python runs it."""
    return joined("distributions")
