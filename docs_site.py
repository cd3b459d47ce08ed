"""What mkdocs does beside its own: the README is the front page, and llms.txt names every page.

Links of the pages are those of the repository: what is outside of ``docs/`` leads to its source.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

PROJECT = Path(__file__).parent
README = PROJECT / "README.md"
DOCS = PROJECT / "docs"
CLIENTS = "clients/index.md"
_LINK = re.compile(r"(?P<before>!?\[[^\]]*\]\()(?P<target>[^)#\s]+)(?P<anchor>#[^)]*)?\)")
_ROW = re.compile(r"^\| \[(.+?)\]\(docs/(\S+?\.md)\) \| (.+?) \|$", re.MULTILINE)
_CLIENT = re.compile(r"^\| \[(.+?)\]\((\S+?\.md)\) \| ", re.MULTILINE)
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def rows() -> Iterator[tuple[str, str, str]]:
    """Of each page its title, its file and what it covers: those of the README's table, and of the
    clients' table those of clients."""
    for title, page, covers in _ROW.findall(README.read_text(encoding="utf-8")):
        yield title, page, covers
        if page == CLIENTS:
            for client, file in _CLIENT.findall((DOCS / page).read_text(encoding="utf-8")):
                said = f"How {client} is connected, what it does with results, what goes wrong."
                yield client, f"clients/{file}", said


def llms_txt() -> str:
    """The pages in lines, for models."""
    lines = [f"- [{title}]({page[:-3]}.html): {covers}" for title, page, covers in rows()]
    summary = README.read_text(encoding="utf-8").split("\n\n")[1]
    return f"# jupyter-mcp-ext\n\n> {summary}\n\n## Documentation\n\n" + "\n".join(lines) + "\n"


def moved(markdown: str, folder: Path, source: str, to: Path = DOCS) -> str:
    """A page of a folder of the project with links that hold in the site, in a folder of it."""

    def link(found: re.Match[str]) -> str:
        target, anchor = found["target"], found["anchor"] or ""
        if _ELSEWHERE.match(target):
            return found[0]
        aim = (folder / target).resolve()
        if aim.is_relative_to(DOCS):
            return f"{found['before']}{Path(os.path.relpath(aim, to)).as_posix()}{anchor})"
        if not aim.is_relative_to(PROJECT) or not aim.exists():
            return found[0]
        kind = "tree" if aim.is_dir() else "blob"
        path = aim.relative_to(PROJECT).as_posix()
        return f"{found['before']}{source}/{kind}/main/{path}{anchor})"

    return _LINK.sub(link, markdown)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Append the pages that the navigation does not name."""
    nav: list[Any] = config.nav or []
    named = str(nav)
    more = [page for _, page, _ in rows() if page not in named]
    if more:
        config.nav = [*nav, {"More": more}]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the front page and llms.txt."""
    source = str(config.repo_url).rstrip("/")
    front = moved(README.read_text(encoding="utf-8"), PROJECT, source)
    files.append(File.generated(config, "index.md", content=front))
    files.append(File.generated(config, "llms.txt", content=llms_txt()))
    return files


def on_page_markdown(markdown: str, page: Any, config: MkDocsConfig, files: Files) -> str:
    """Have what is outside of ``docs/`` lead to its source."""
    del files
    if page.file.src_uri == "index.md":
        return markdown
    source = str(config.repo_url).rstrip("/")
    folder = (DOCS / page.file.src_uri).parent
    return moved(markdown, folder, source, folder)


def on_post_page(output: str, page: Any, config: MkDocsConfig) -> str:
    """Leave the link to the repository a link: the theme asks GitHub how many stars it has."""
    del page, config
    return output.replace(' data-md-component="source"', "")
