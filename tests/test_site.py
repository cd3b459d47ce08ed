"""The documentation builds as a site without a warning, with every page in its navigation."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser.page import running_browser

PROJECT = Path(__file__).parent.parent
DOCS = PROJECT / "docs"
PAGES = sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))
OUTSIDE = """
() => {
    const width = document.documentElement.clientWidth;
    const scrolls = 'pre, .md-typeset__scrollwrap';
    const outside = [...document.querySelectorAll('.md-content *')].filter(
        one => one.getBoundingClientRect().right > width + 1 && !one.closest(scrolls));
    return outside.slice(0, 3).map(one => one.outerHTML.slice(0, 80));
}
"""
"""What of a page is beyond the window's right edge, and not in a part that scrolls."""


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
        assert re.search(rf'<a href="{re.escape(name)}" class="md-nav__link ?"', front), name


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


def test_no_page_is_wider_than_the_window_or_asks_another_host(site: Path) -> None:
    asked: list[str] = []
    wide = []
    with running_browser() as browser:
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        for file in sorted(site.rglob("*.html")):
            page.goto(file.as_uri())
            for width in (1280, 400):
                page.set_viewport_size({"width": width, "height": 900})
                if found := page.evaluate(OUTSIDE):
                    wide.append((file.relative_to(site).as_posix(), width, found))

    assert wide == []
    assert [url for url in asked if not url.startswith("file:")] == []
