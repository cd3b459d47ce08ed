"""Tiny packages, an index of them in a folder, and environments to install them into."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Index:
    """A package index in a folder (PEP 503)."""

    folder: Path

    @property
    def url(self) -> str:
        """The URL for installers."""
        return self.folder.as_uri()

    def add(
        self, name: str, version: str, requires: Iterable[str] = (), code: str | None = None
    ) -> Path:
        """Put a wheel of one module into it."""
        module = name.replace("-", "_")
        info = f"{module}-{version}.dist-info"
        files = {
            f"{module}.py": f"VERSION = {version!r}\n" if code is None else code,
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
            + "".join(f"Requires-Dist: {words}\n" for words in requires),
            f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        record = "".join(f"{path},{_digest(text)},{len(text)}\n" for path, text in files.items())
        files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
        wheel = self._folder_of(name) / f"{module}-{version}-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            for path, text in files.items():
                archive.writestr(path, text)
        self._list(name)
        return wheel

    def add_source(self, name: str, version: str, setup: str) -> None:
        """Put a source distribution into it; ``setup`` is its setup.py."""
        path = self._folder_of(name) / f"{name}-{version}.tar.gz"
        info = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        with tarfile.open(path, "w:gz") as archive:
            for file, text in (("setup.py", setup), ("PKG-INFO", info)):
                entry = tarfile.TarInfo(f"{name}-{version}/{file}")
                entry.size = len(text.encode())
                archive.addfile(entry, io.BytesIO(text.encode()))
        self._list(name)

    def _folder_of(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _list(self, name: str) -> None:
        folder = self._folder_of(name)
        links = [
            f'<a href="{path.name}#sha256={hashlib.sha256(path.read_bytes()).hexdigest()}">'
            f"{path.name}</a><br>"
            for path in sorted(folder.iterdir())
            if path.name != "index.html"
        ]
        (folder / "index.html").write_text(f"<!DOCTYPE html>{''.join(links)}")


def _digest(text: str) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
    return f"sha256={digest.decode().rstrip('=')}"


@dataclass(frozen=True, kw_only=True)
class Venv:
    """A virtual environment."""

    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def site(self) -> Path:
        """The folder of its packages."""
        return next((self.folder / "lib").glob("python*/site-packages"))

    def see_ipykernel(self) -> None:
        """Add the packages of this environment, so that a kernel can run in it."""
        (self.site / "ipykernel.pth").write_text(sysconfig.get_path("purelib"))

    def files(self) -> dict[str, bytes]:
        """Everything that is installed in it, without caches."""
        return {
            str(path.relative_to(self.site)): path.read_bytes()
            for path in sorted(self.site.rglob("*"))
            if path.is_file() and "__pycache__" not in path.parts
        }

    def version(self, name: str) -> str | None:
        """The version of a package in it."""
        found = [p.stem.partition("-")[2] for p in self.site.glob(f"{name}-*.dist-info")]
        return found[0] if found else None

    def kernelspec(
        self, data: Path, name: str, *, env: Mapping[str, str] | None = None, **more: object
    ) -> str:
        """Write a kernelspec for it below a data folder of Jupyter's."""
        command = [str(self.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return write_kernelspec(
            data, name, {"argv": command, "language": "python", "env": dict(env or {}), **more}
        )


def write_kernelspec(data: Path, name: str, spec: Mapping[str, object]) -> str:
    """Write a kernelspec below a data folder of Jupyter's."""
    folder = data / "kernels" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kernel.json").write_text(json.dumps({"display_name": name, **spec}))
    return name


def make_venv(folder: Path, *, with_pip: bool) -> Venv:
    """Make an environment; its pip is a copy of this one's, which is faster than installing it."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    venv = Venv(folder=folder)
    if with_pip:
        parts = {path.parts[0] for path in distribution("pip").files or ()} - {".."}
        for part in parts:
            shutil.copytree(Path(sysconfig.get_path("purelib")) / part, venv.site / part)
        # Compiled once and not in each run, whatever PYTHONDONTWRITEBYTECODE says.
        subprocess.run([sys.executable, "-m", "compileall", "-q", str(venv.site)], check=True)
    return venv
