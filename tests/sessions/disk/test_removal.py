"""Sessions on disk are archived and deleted as a whole, and only by one server at a time."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path

import pytest

from jupyter_mcp_ext.sessions.disk.lock import HeldElsewhere
from jupyter_mcp_ext.sessions.disk.record import SessionRecord
from jupyter_mcp_ext.sessions.disk.removal import Removal, StillUsed
from jupyter_mcp_ext.sessions.disk.store import Disk, SessionStore
from jupyter_mcp_ext.sessions.session import Session

KEY = b"k" * 32
ID = "k7m2q7xw"


async def no_room(path: str) -> None:
    """No notebook is open in a room."""


@pytest.fixture
def store(tmp_path: Path) -> SessionStore:
    disk = Disk(root=tmp_path, key=lambda _: KEY, shared_subject="jupyter", live=no_room)
    return SessionStore(disk, "mcp-sessions", logging.getLogger("test"))


@pytest.fixture
def removal(store: SessionStore) -> Removal:
    return Removal(store)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "mcp-sessions" / ID


@pytest.fixture
def session(store: SessionStore, place: Path) -> Session:
    return put(store, place)


def put(store: SessionStore, place: Path) -> Session:
    """A session with a notebook, a file of its kernel, a journal, a snapshot and packages."""
    record = SessionRecord(
        id=place.name,
        jupyter_id=f"{place.name}-0000",
        name="work",
        owner="jupyter",
        client="tests",
        kernel_name="python3",
        path=f"mcp-sessions/{place.name}/work.ipynb",
        notebook="work.ipynb",
        cwd="",
        restore="snapshot",
        created=1.0,
        last_used=1.0,
        is_at_rest=True,
    )
    hidden = place / ".mcp"
    (hidden / "packages" / "1").mkdir(parents=True)
    (hidden / "packages" / "1" / "module.py").write_bytes(b"p" * 1_000)
    (hidden / "snapshot.json").write_bytes(b"i" * 10)
    (hidden / "snapshot-0123456789abcdef.pickle").write_bytes(b"s" * 90)
    (hidden / "journal.jsonl").write_bytes(b"j")
    (place / "work.ipynb").write_bytes(b"n")
    (place / "table.csv").write_bytes(b"t")
    store.save_in(store.folder_of(place.name, ""), record)
    return found(store, place.name)


def found(store: SessionStore, session_id: str = ID) -> Session:
    session = store.found_in(store.folder_of(session_id, ""))
    assert session is not None
    return session


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_an_archived_session_keeps_its_notebook_and_files_only(
    store: SessionStore, removal: Removal, session: Session, place: Path
) -> None:
    removal.archive(session, now=5.0)

    assert names(place) == {".mcp", "work.ipynb", "table.csv"}
    assert names(place / ".mcp") == {"session.json", "journal.jsonl", "lock"}
    assert found(store).record.archived == 5.0
    assert removal.is_stripped(session)


def test_a_weight_has_all_bytes_and_those_of_snapshots(
    removal: Removal, session: Session, place: Path
) -> None:
    whole = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())

    weight = removal.weight(session)

    assert (weight.bytes, weight.snapshots) == (whole, 100)


def test_snapshots_are_dropped_and_the_session_says_so(
    store: SessionStore, removal: Removal, session: Session, place: Path
) -> None:
    removal.drop_snapshots(session)

    assert names(place / ".mcp") == {"session.json", "journal.jsonl", "lock", "packages"}
    assert found(store).record.not_saved == "expired"


def test_a_deleted_session_leaves_nothing(removal: Removal, session: Session, place: Path) -> None:
    removed = removal.delete(session)

    assert names(place.parent) == set()
    assert removed.files == 8


def test_what_another_server_holds_stays(
    store: SessionStore, removal: Removal, session: Session, place: Path
) -> None:
    before = names(place / ".mcp")
    other = store.folder_of(ID, "")
    other.hold()

    for remove in (removal.delete, removal.drop_snapshots):
        with pytest.raises(HeldElsewhere):
            remove(session)

    assert names(place / ".mcp") == before | {"lock"}


def test_what_another_server_has_used_since_stays_unless_that_was_asked_for(
    store: SessionStore, removal: Removal, session: Session, place: Path
) -> None:
    store.save_in(store.folder_of(ID, ""), replace(session.record, last_used=2.0))

    with pytest.raises(StillUsed):
        removal.delete(session)
    assert (place / "table.csv").exists()

    removal.delete(session, is_asked=True)
    assert not place.exists()


def test_what_is_gone_or_is_another_owners_stays(
    store: SessionStore, removal: Removal, session: Session, place: Path
) -> None:
    store.save_in(store.folder_of(ID, ""), replace(session.record, owner="bob"))
    with pytest.raises(StillUsed):
        removal.delete(session)

    (place / ".mcp" / "session.json").unlink()
    with pytest.raises(StillUsed):
        removal.delete(session)

    assert (place / "table.csv").exists()


@pytest.mark.parametrize("at", ["", ".mcp"])
def test_a_link_in_the_place_of_a_folder_is_not_followed(
    store: SessionStore, removal: Removal, tmp_path: Path, at: str
) -> None:
    elsewhere = tmp_path / "elsewhere"
    session = put(store, tmp_path / "mcp-sessions" / ID)
    (tmp_path / "mcp-sessions" / ID / at).rename(elsewhere)
    (tmp_path / "mcp-sessions" / ID / at).symlink_to(elsewhere)
    before = names(elsewhere)

    with pytest.raises(OSError, match=r"mcp|k7m2"):
        removal.delete(session)

    assert names(elsewhere) == before


def test_a_deletion_that_was_cut_short_is_ended_by_the_next_sweep(
    store: SessionStore, removal: Removal, session: Session, place: Path
) -> None:
    kept = put(store, place.parent / "aaaaaaaa")
    left = place.rename(place.parent / f".{ID}-01234567.deleted")
    (place.parent / ".aaaaaaaa-01234567.deleted").symlink_to(place.parent / "aaaaaaaa")
    (left / "work.ipynb").unlink()

    removal.sweep()

    assert not left.exists()
    assert found(store, "aaaaaaaa").id == kept.id


def test_an_archiving_that_was_cut_short_can_be_done_again(
    store: SessionStore, removal: Removal, session: Session, place: Path
) -> None:
    record = replace(session.record, archived=5.0)
    store.save_in(store.folder_of(ID, ""), record)
    assert not removal.is_stripped(session)

    removal.archive(found(store), now=9.0)

    assert removal.is_stripped(session)
    assert found(store).record.archived == 5.0


def test_a_kernels_files_that_it_may_not_read_are_deleted_too(
    removal: Removal, session: Session, place: Path
) -> None:
    (place / "closed").mkdir()
    (place / "closed" / "file").write_bytes(b"")
    (place / "closed").chmod(0o000)
    os.mkfifo(place / "pipe")

    removal.delete(session)

    assert not place.exists()
