"""Which packages the operator allows: checked for the whole plan before anything is installed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from jupyter_mcp_ext.errors import Forbidden

from .plan import Planned, admits, asked_by

ADVICE = "Do without it, or ask the server's operator."


class InvalidRule(ValueError):
    """A rule that cannot be parsed."""


def rules(lines: Sequence[str]) -> tuple[Requirement, ...]:
    """Parse rules as an operator writes them. Raises InvalidRule, which names the first bad one."""
    return tuple(map(_rule, lines))


def _rule(line: str) -> Requirement:
    try:
        rule = Requirement(line)
    except InvalidRequirement:
        rule = None
    if rule is None or rule.url is not None or rule.marker is not None or rule.extras:
        msg = (
            f"{line!r} is not the name of a package, with or without versions, like 'requests<2.32'"
        )
        raise InvalidRule(msg)
    return rule


@dataclass(frozen=True, kw_only=True)
class PackagePolicy:
    """The rules of a server; without ``allow`` rules everything is allowed that is not denied."""

    allow: tuple[Requirement, ...] = ()
    deny: tuple[Requirement, ...] = ()

    def check_requested(self, requirements: Sequence[Requirement]) -> None:
        """Refuse packages of which no version is allowed, before anything is resolved."""
        for requirement in requirements:
            name = canonicalize_name(requirement.name)
            for rule in self.deny:
                if _is_of(rule, name) and not rule.specifier:
                    raise _denied(name, "", rule, "")
            if self.allow and not any(_is_of(rule, name) for rule in self.allow):
                raise _not_allowed(name, "", "")

    def check(self, planned: Sequence[Planned], requested: Sequence[Requirement]) -> None:
        """Refuse a plan with a package that is not allowed."""
        for each in planned:
            by = asked_by(each.name, planned, requested)
            by = "" if by == each.name else by
            for rule in self.deny:
                if _is_of(rule, each.name) and _may_fit(rule, each.version):
                    raise _denied(each.name, each.version, rule, by)
            if self.allow and not any(_allows(rule, each) for rule in self.allow):
                raise _not_allowed(each.name, each.version, by)


def _is_of(rule: Requirement, name: str) -> bool:
    return canonicalize_name(rule.name) == name


def _may_fit(rule: Requirement, version: str) -> bool:
    """Whether a rule denies a version; an unknown version is denied."""
    return not version or admits(rule, version)


def _allows(rule: Requirement, planned: Planned) -> bool:
    if not _is_of(rule, planned.name):
        return False
    return not rule.specifier or (bool(planned.version) and admits(rule, planned.version))


def _denied(name: str, version: str, rule: Requirement, by: str) -> Forbidden:
    return Forbidden(
        f"{_named(name, version, by)} is denied here by the rule {str(rule)!r} of "
        f"McpPackages.deny. Nothing was installed. {ADVICE}"
    )


def _not_allowed(name: str, version: str, by: str) -> Forbidden:
    return Forbidden(
        f"{_named(name, version, by)} is not among the packages of McpPackages.allow, which are "
        f"the only ones that this server installs. Nothing was installed. {ADVICE}"
    )


def _named(name: str, version: str, by: str) -> str:
    words = f"The package {name} {version}".rstrip()
    return f"{words}, which {by} needs," if by else words
