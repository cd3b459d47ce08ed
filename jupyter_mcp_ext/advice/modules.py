"""Modules that are missing, and how to have them."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping

from .run import Adviser, Run

_MISSING = re.compile(r"No module named '(?P<name>[A-Za-z_]\w{0,100}(?:\.\w{1,100})?)'$")

PACKAGES: Mapping[str, str] = {
    "Crypto": "pycryptodome",
    "MySQLdb": "mysqlclient",
    "OpenSSL": "pyOpenSSL",
    "PIL": "pillow",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "fitz": "PyMuPDF",
    "git": "GitPython",
    "google.protobuf": "protobuf",
    "jwt": "PyJWT",
    "osgeo": "GDAL",
    "pptx": "python-pptx",
    "psycopg2": "psycopg2-binary",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "usb": "pyusb",
    "yaml": "PyYAML",
}
"""Names of packages that are not those of their modules."""

SHARED = frozenset({"azure", "google", "ruamel", "zope"})
"""Names under which many packages have their modules: the package cannot be told from one."""


def _says(run: Run) -> Iterator[str]:
    if run.error is None or run.error.ename != "ModuleNotFoundError" or run.language != "python":
        return
    found = _MISSING.match(run.error.evalue[:300])
    package = _package(found["name"]) if found is not None else None
    if package is None:
        return
    if run.installing:
        yield (
            f'an installation is running: get_output("{run.installing}", wait=50) waits for it; '
            "then run the code again"
        )
    else:
        yield f'if it is a package and no file of yours, install_package("{package}") installs it'


def _package(module: str) -> str | None:
    """The package that has a module; None for what no package would bring."""
    if module in PACKAGES:
        return PACKAGES[module]
    # The part of a package that is there, or a module that Python itself should have.
    if "." in module or module in sys.stdlib_module_names or module in SHARED:
        return None
    return module


ADVISER = Adviser(says=_says)
