"""The operator's rules, applied to the whole plan."""

from __future__ import annotations

import pytest

from jupyter_mcp_ext.errors import Forbidden
from jupyter_mcp_ext.packages.plan import Planned
from jupyter_mcp_ext.packages.policy import InvalidRule, PackagePolicy, rules
from jupyter_mcp_ext.packages.requirements import parse


def policy(*, allow: tuple[str, ...] = (), deny: tuple[str, ...] = ()) -> PackagePolicy:
    return PackagePolicy(allow=rules(allow), deny=rules(deny))


def plan(*packages: str, **requires: tuple[str, ...]) -> tuple[Planned, ...]:
    pairs = [package.split("==") for package in packages]
    return tuple(Planned(name=n, version=v, requires=requires.get(n, ())) for n, v in pairs)


def test_without_rules_everything_is_let_in() -> None:
    policy().check_requested(parse("six"))
    policy().check(plan("six==1.0"), parse("six"))


@pytest.mark.parametrize(
    ("rule", "hit", "missed"),
    [
        ("tensorflow", "tensorflow==2.1", "tensorflow-io==2.1"),
        ("requests<2.32", "requests==2.31.0", "requests==2.32.0"),
        ("torch==2.0", "torch==2.0+cpu", "torch==2.0.1"),
        ("x>=2", "x==3.0rc1", "x==1.9"),
        ("Typing_Extensions", "typing-extensions==4", "typing==3"),
    ],
)
def test_a_rule_that_denies_hits_names_and_versions(rule: str, hit: str, missed: str) -> None:
    rules = policy(deny=(rule,))

    rules.check(plan(missed), parse("other"))
    with pytest.raises(Forbidden, match=r"McpPackages\.deny"):
        rules.check(plan(hit), parse("other"))


def test_a_denied_name_is_refused_before_anything_is_looked_up() -> None:
    with pytest.raises(Forbidden, match=r"the rule 'tensorflow' of McpPackages\.deny"):
        policy(deny=("tensorflow",)).check_requested(parse("TensorFlow==2"))


def test_a_denied_dependency_is_named_with_the_package_that_needs_it() -> None:
    planned = plan("app==1.0", "middle==1.0", "bad==2.0", app=("middle>=1",), middle=("bad",))

    with pytest.raises(Forbidden, match=r"bad 2\.0, which app needs, is denied here"):
        policy(deny=("bad",)).check(planned, parse(["other", "app"]))


def test_what_is_allowed_is_all_that_is_let_in_with_its_dependencies() -> None:
    rules = policy(allow=("app", "middle>=2"))

    rules.check(plan("app==1.0", "middle==2.1"), parse("app"))
    with pytest.raises(Forbidden, match=r"middle 1\.0, which app needs, is not among"):
        rules.check(plan("app==1.0", "middle==1.0", app=("middle",)), parse("app"))
    with pytest.raises(Forbidden, match=r"McpPackages\.allow"):
        rules.check_requested(parse("six"))


def test_an_unknown_version_is_taken_for_the_worst() -> None:
    unknown = (Planned(name="six", version="", url="https://example.org/six"),)

    with pytest.raises(Forbidden):
        policy(deny=("six<1",)).check(unknown, parse("six"))
    with pytest.raises(Forbidden):
        policy(allow=("six>1",)).check(unknown, parse("six"))


def test_one_that_is_denied_and_allowed_is_denied() -> None:
    with pytest.raises(Forbidden, match="deny"):
        policy(allow=("six",), deny=("six",)).check(plan("six==1"), parse("six"))


@pytest.mark.parametrize("line", ["", "six six", "six @ https://x/y", "six[a]", 'six; extra=="a"'])
def test_a_text_that_is_not_a_rule_is_refused(line: str) -> None:
    with pytest.raises(InvalidRule):
        rules(["numpy", line])
