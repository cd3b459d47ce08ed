"""The requirements that install_package accepts, and the messages for others."""

from __future__ import annotations

import pytest

from jupyter_mcp_ext.errors import Forbidden, InvalidArgument
from jupyter_mcp_ext.packages.requirements import MAX_REQUIREMENTS, parse


def words(package: str | list[str], *, allow_urls: bool = False) -> list[str]:
    return [str(requirement) for requirement in parse(package, allow_urls=allow_urls)]


@pytest.mark.parametrize(
    ("package", "understood"),
    [
        ("six", ["six"]),
        (" pandas >= 2, <3 ", ["pandas<3,>=2"]),
        ("uvicorn[standard]==0.30", ["uvicorn[standard]==0.30"]),
        ('tomli; python_version < "3.11"', ['tomli; python_version < "3.11"']),
        (["six", "tinydb>4"], ["six", "tinydb>4"]),
        ('["six", "tinydb>4"]', ["six", "tinydb>4"]),
    ],
)
def test_requirements_are_understood(package: str | list[str], understood: list[str]) -> None:
    assert words(package) == understood


@pytest.mark.parametrize(
    ("package", "rule"),
    [
        ("", "not a package requirement"),
        ([], "No package is named"),
        ("six; rm -rf /", "not a package requirement"),
        ("six && id", "not a package requirement"),
        ("$(id)", "not a package requirement"),
        ("`id`", "not a package requirement"),
        ("numpy pandas", "a list of several"),
        ("pip install six", "a list of several"),
        ("-r requirements.txt", "option"),
        ("--index-url=https://example.org/simple", "option"),
        ("six --index-url=https://example.org/simple", "not a package requirement"),
        (["six", "-e", "."], "option"),
        ("six\n-r /etc/passwd", "newline"),
        ("six\rtinydb", "newline"),
        ("six\x00", "newline"),
        ("six\u2028tinydb", "newline"),
        (".", "path"),
        ("./six", "path"),
        ("/srv/six", "path"),
        ("~/six", "path"),
        ("../six-1.0-py3-none-any.whl", "path"),
        ("six-1.0-py3-none-any.whl", "path"),
        ("requirements.txt", None),
        ("C:\\six", "path"),
        ("x" * 2_000, "longer"),
        (["six"] * (MAX_REQUIREMENTS + 1), "fewer"),
    ],
)
def test_a_text_that_is_not_a_requirement_is_refused_with_the_rule(
    package: str | list[str], rule: str | None
) -> None:
    if rule is None:  # a name like another
        assert words(package) == [package]
        return
    with pytest.raises(InvalidArgument, match=rule):
        parse(package)


@pytest.mark.parametrize(
    "package",
    [
        "git+https://github.com/benjaminp/six",
        "git@github.com:benjaminp/six.git",
        "https://example.org/six-1.0-py3-none-any.whl",
        "file:///srv/six-1.0-py3-none-any.whl",
        "six @ https://example.org/six-1.0-py3-none-any.whl",
        "six @ git+https://github.com/benjaminp/six",
        "six @ file:///srv/six",
        "six[a]@https://example.org/six.whl",
    ],
)
def test_a_place_to_install_from_is_refused_by_the_setting_that_would_allow_it(
    package: str,
) -> None:
    with pytest.raises(Forbidden, match=r"McpPackages\.allow_urls"):
        parse(package)


def test_a_place_can_be_allowed_and_then_has_to_name_its_package() -> None:
    allowed = "six @ https://example.org/six-1.0-py3-none-any.whl"

    assert words(allowed, allow_urls=True) == [allowed]
    for bare in ("git+https://example.org/six", "https://example.org/six.whl"):
        with pytest.raises(InvalidArgument, match=r"Write 'name @"):
            parse(bare, allow_urls=True)


@pytest.mark.parametrize(
    "package",
    [
        "-r requirements.txt",
        "six @ https://example.org/six.whl\n--index-url=x",
        "six @ https://example.org/${JUPYTER_TOKEN}",
        "six @ ../six",
        "./six",
    ],
)
def test_no_setting_allows_options_newlines_or_variables(package: str) -> None:
    with pytest.raises(InvalidArgument):
        parse(package, allow_urls=True)
