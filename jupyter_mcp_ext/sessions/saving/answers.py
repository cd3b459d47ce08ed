"""Checks the answers of the functions that save and load variables in a kernel."""

from __future__ import annotations

from typing import Any

from jupyter_mcp_ext.kernels.shapes import Fields, items, number, text, texts


def about(answer: object) -> dict[str, str]:
    """The answer of ``about``. Raises Malformed, as the others do."""
    return _texts(answer, "python", "implementation")


def has_begun(answer: object) -> bool:
    """Whether ``begin`` started a save in another process, and did not do it itself."""
    return "saved" not in Fields(answer)


def process_of(answer: object) -> int:
    """The process that saved, as the kernel reports; 0 if it names none."""
    fields = Fields(answer)
    return number(fields["process"]) if "process" in fields else 0


def saved(answer: object) -> dict[str, Any]:
    """The answer of a save."""
    answer = Fields(answer)["saved"]
    found = Fields(answer)
    modules = Fields(found["modules"])
    return {
        **about(answer),
        "records": [_record(one) for one in items(found["records"])],
        "modules": {name: text(modules[name]) for name in modules.names()},
        "skipped": [_texts(one, "name", "type", "why") for one in items(found["skipped"])],
        "holes": [_texts(one, "name", "where", "why") for one in _maybe(found, "holes")],
        "unrestored": [_texts(one, "name", "why") for one in _maybe(found, "unrestored")],
    }


def loaded(answer: object) -> dict[str, Any]:
    """The answer of ``load``."""
    found = Fields(answer)
    return {
        "loaded": texts(found["loaded"]),
        "failed": [_texts(one, "name", "why") for one in items(found["failed"])],
        "definitions": texts(found["definitions"]),
        "definitions_failed": [
            _texts(one, "name", "why") for one in items(found["definitions_failed"])
        ],
        "state": texts(_maybe(found, "state")),
        "state_failed": [_texts(one, "name", "why") for one in _maybe(found, "state_failed")],
    }


def _maybe(found: Fields, name: str) -> list[Any]:
    return items(found[name]) if name in found else []


def _record(answer: object) -> dict[str, Any]:
    found = Fields(answer)
    return {
        "offset": number(found["offset"]),
        "size": number(found["size"]),
        "sha256": text(found["sha256"]),
        "names": texts(found["names"]),
    }


def _texts(answer: object, *names: str) -> dict[str, str]:
    found = Fields(answer)
    return {name: text(found[name]) for name in names}
