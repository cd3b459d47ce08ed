"""The documentation builds as a site without a warning, with every page in its navigation."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
DOCS = PROJECT / "docs"
PAGES = sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "site"
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=PROJECT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_built_and_in_the_navigation(site: Path) -> None:
    front = (site / "index.html").read_text()

    for page in PAGES:
        name = page.removesuffix(".md") + ".html"
        assert (site / name).is_file()
        assert re.search(rf'<a href="{re.escape(name)}" class="md-nav__link"', front), name


def test_the_readme_is_the_front_page_with_links_that_hold(site: Path) -> None:
    front = (site / "index.html").read_text()

    assert "Install and start" in front
    assert 'src="overview.svg"' in front
    assert 'href="docs/' not in front
    assert "/blob/main/CONTRIBUTING.md" in front
    assert "/blob/main/tests/test_production.py" in (site / "security.html").read_text()


def test_llms_txt_names_every_page_in_a_line(site: Path) -> None:
    lines = (site / "llms.txt").read_text().splitlines()

    named = [found[1] for line in lines if (found := re.match(r"- \[.+\]\((\S+)\): \S.*", line))]
    assert sorted(named) == sorted(page.removesuffix(".md") + ".html" for page in PAGES)
    assert not [address for address in named if not (site / address).is_file()]


def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    front = (site / "index.html").read_text()

    loaded = re.findall(r'<(?:script|link|img)[^>]* (?:src|href)="(https?://[^"]+)"', front)
    assert [address for address in loaded if "github.com" not in address] == []
