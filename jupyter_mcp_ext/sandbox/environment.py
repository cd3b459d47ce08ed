"""Which variables of the server's environment kernels in a sandbox get."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

SHOWN = (
    *("PATH", "LANG", "LANGUAGE", "LC_*", "TZ", "TERM", "COLUMNS", "LINES", "NO_COLOR"),
    *("VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "PYTHON*", "R_*", "JULIA_NUM_THREADS"),
    *("OMP_*", "MKL_*", "OPENBLAS_*", "NUMEXPR_*", "TOKENIZERS_PARALLELISM", "CUDA_*"),
    "MPLBACKEND",
    *("IPY*", "JPY_SESSION_NAME", "PYDEVD_*", "SOURCE_DATE_EPOCH"),
)
"""Patterns of what a kernel needs."""


def shown(env: Mapping[str, str], more: Iterable[str]) -> dict[str, str]:
    """The variables that kernels get: what they need, and what the patterns ``more`` name."""
    patterns = (*SHOWN, *more)
    return {k: v for k, v in env.items() if any(fnmatchcase(k, p) for p in patterns)}
