"""What would be installed: parsed from a resolver's output, compared with what there is. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from packaging.markers import InvalidMarker, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

CHANGE = re.compile(
    r" (?P<sign>[-+~]) (?P<name>[A-Za-z0-9][\w.-]*)(?P<source>==| @ )(?P<where>\S+).*"
)
"""A line of uv's: `` + six==1.17.0`` or `` + six @ https://…``."""

COUNT = re.compile(r"Would install (\d+) packages?")
HASH = re.compile(r"--hash=(\w+:[0-9a-f]+)")
PIN = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)==(?P<version>[^\s;\\]+)")


class Unreadable(Exception):
    """The output of a resolver has an unknown form."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A package that would be installed, in exactly this version."""

    name: str
    """Normalised."""
    version: str
    """Empty when only its URL is known."""
    url: str = ""
    """Where it comes from, if the requirement names it; empty for the index."""
    hashes: tuple[str, ...] = ()
    """``sha256:…``, of the files that it may be."""
    requires: tuple[str, ...] = ()
    """What it requires, where the resolver says so."""

    @property
    def pin(self) -> str:
        """The requirement that only this version fulfils."""
        return f"{self.name} @ {self.url}" if self.url else f"{self.name}=={self.version}"


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """An installed package."""

    name: str
    """Normalised."""
    version: str
    requires: tuple[str, ...] = ()


def of_pip(report: str) -> tuple[Planned, ...]:
    """Read a report of pip (https://pip.pypa.io/en/stable/reference/installation-report/).

    Raises Unreadable.
    """
    try:
        return tuple(_of_pip(item) for item in json.loads(report)["install"])
    except (ValueError, TypeError, KeyError, AttributeError) as err:
        msg = "pip's report cannot be read"
        raise Unreadable(msg) from err


def _of_pip(item: Mapping[str, Mapping[str, object]]) -> Planned:
    info, metadata = item["download_info"], item["metadata"]
    archive, vcs = info.get("archive_info"), info.get("vcs_info")
    hashes = archive.get("hashes") if isinstance(archive, dict) else None
    requires = metadata.get("requires_dist")
    url = str(info["url"]) if item["is_direct"] else ""
    if isinstance(vcs, dict):
        url = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    return Planned(
        name=canonicalize_name(str(metadata["name"])),
        version=str(metadata["version"]),
        url=url,
        hashes=tuple(f"{k}:{v}" for k, v in hashes.items()) if isinstance(hashes, dict) else (),
        requires=tuple(map(str, requires)) if isinstance(requires, list) else (),
    )


def of_uv(lines: Iterable[str]) -> tuple[Planned, ...]:
    """Read the output of ``uv pip install --dry-run``. Raises Unreadable."""
    planned: list[Planned] = []
    said = 0
    for line in lines:
        if count := COUNT.match(line):
            said = int(count[1])
        found = CHANGE.fullmatch(line)
        if found and found["sign"] != "-":
            is_pinned = found["source"] == "=="
            planned.append(
                Planned(
                    name=canonicalize_name(found["name"]),
                    version=found["where"] if is_pinned else "",
                    url="" if is_pinned else found["where"],
                )
            )
    if len(planned) != said:
        msg = "uv's answer cannot be read"
        raise Unreadable(msg)
    return tuple(planned)


def hashed(planned: Sequence[Planned], compiled: Iterable[str]) -> tuple[Planned, ...]:
    """Add the hashes that ``uv pip compile --generate-hashes`` prints."""
    hashes: dict[tuple[str, str], list[str]] = {}
    current: list[str] = []
    for line in compiled:
        if pin := PIN.match(line):
            key = canonicalize_name(pin["name"]), pin["version"]
            current = hashes.setdefault(key, [])
        current += HASH.findall(line)
    return tuple(
        replace(each, hashes=tuple(hashes.get((each.name, each.version), ()))) for each in planned
    )


def explained(planned: Sequence[Planned], compiled: Iterable[str]) -> tuple[Planned, ...]:
    """Add what each package requires, as uv annotates it: ``idna==3.20  # via requests``."""
    needs: dict[str, list[str]] = {}
    for line in compiled:
        pin, _, owners = line.partition("# via ")
        if found := PIN.match(pin):
            for owner in owners.split(", "):
                needs.setdefault(canonicalize_name(owner.strip()), []).append(found["name"])
    return tuple(replace(each, requires=tuple(needs.get(each.name, ()))) for each in planned)


def asked_by(name: str, planned: Sequence[Planned], requested: Sequence[Requirement]) -> str:
    """The requested package that requires another one; empty if that is unknown."""
    needs = {each.name: [_name(words) for words in each.requires] for each in planned}
    for requirement in requested:
        root = canonicalize_name(requirement.name)
        seen: set[str] = {root}
        todo: list[str] = [root]
        while todo:
            new = [n for n in needs.get(todo.pop(), ()) if n not in seen]
            seen.update(new)
            todo += new
        if name in seen:
            return root
    return ""


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """An installed package whose requirement would no longer be met."""

    name: str
    version: str
    needs: str
    gets: str


def conflicts(
    there: Mapping[str, Distribution], planned: Sequence[Planned], markers: Mapping[str, str]
) -> tuple[Conflict, ...]:
    """Requirements that are met now and would not be; ``markers`` describe the environment."""
    new = {each.name: each.version for each in planned if each.version}
    found: list[Conflict] = []
    for owner in there.values():
        if owner.name in new:
            continue  # the resolver has looked at it
        for words in owner.requires:
            need = _requirement(words)
            if need is None or not applies(need, markers):
                continue
            name = canonicalize_name(need.name)
            if name not in new or admits(need, new[name]):
                continue
            now = there.get(name)
            if now is not None and admits(need, now.version):
                found.append(
                    Conflict(
                        name=owner.name,
                        version=owner.version,
                        needs=f"{name}{need.specifier}",
                        gets=new[name],
                    )
                )
    return tuple(found)


def admits(requirement: Requirement, version: str) -> bool:
    """Whether a version meets a requirement; one that cannot be parsed does not."""
    try:
        return requirement.specifier.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return not requirement.specifier


def applies(requirement: Requirement, markers: Mapping[str, str]) -> bool:
    """Whether a requirement applies to this environment, without extras."""
    if requirement.marker is None:
        return True
    try:
        return requirement.marker.evaluate({**markers, "extra": ""})
    except (UndefinedEnvironmentName, InvalidMarker, InvalidVersion):
        return False


def is_newer(version: str, than: str) -> bool:
    """Whether a version is above another; false if one of them cannot be parsed."""
    try:
        return Version(version) > Version(than)
    except InvalidVersion:
        return False


def _requirement(words: str) -> Requirement | None:
    try:
        return Requirement(words)
    except InvalidRequirement:  # of an old package
        return None


def _name(words: str) -> str:
    requirement = _requirement(words)
    return canonicalize_name(requirement.name) if requirement is not None else ""
