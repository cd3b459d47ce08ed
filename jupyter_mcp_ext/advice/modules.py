"""Missing modules, and the packages that provide them."""

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
"""Packages whose names differ from those of their modules."""

SHARED = frozenset({"azure", "google", "ruamel", "zope"})
"""Namespaces of many packages: the name does not tell which package is missing."""


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
        installs = f'install_package("{package}") installs it'
        yield f"if it is a package and not one of your own files, {installs}"


def _package(module: str) -> str | None:
    """The package that provides a module; None if no package does."""
    if module in PACKAGES:
        return PACKAGES[module]
    # A submodule of a package that is installed, or a module of the standard library.
    if "." in module or module in sys.stdlib_module_names or module in SHARED:
        return None
    return module


ADVISER = Adviser(says=_says)
