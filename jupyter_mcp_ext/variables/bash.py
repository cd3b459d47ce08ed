"""Variables of bash_kernel, which runs a bash and answers nothing but what that prints.

A silent request prints nothing at all, and ``inspect_request`` knows nothing. So the shell writes
its declarations into a temporary file, in a subshell: no name, no entry of the history and no
number of the kernel's is used for it.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

from jupyter_mcp_ext.in_kernel import bash
from jupyter_mcp_ext.kernels import activation
from jupyter_mcp_ext.kernels.kernel import Kernel
from jupyter_mcp_ext.kernels.links.exchange import Content
from jupyter_mcp_ext.kernels.links.link import KernelLink
from jupyter_mcp_ext.kernels.links.requests import run
from jupyter_mcp_ext.outputs.text import strip

from .answers import line
from .declarations import DEFAULTS, IDENTIFIER, SHELLS_OWN, Declaration, declarations
from .model import FactTable, Inspection, Listing, Names, Text, Variable
from .names import Step
from .way import Detail, KernelBusy, Query, Unresolved

PATIENCE = 3.0
"""Seconds to wait for the kernel's answer."""

MAX_BYTES = 16_000_000
"""Bytes of declarations that the shell writes, and that are read."""

MAX_PREVIEW = 80

MAX_ROWS = {"summary": 20, "full": 500, "source": 500}

MAX_VALUE = {"summary": 2_000, "full": 100_000, "source": 100_000}


class BashWay:
    """While the kernel is idle; ``environment`` is what the kernels got, which is not listed."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    async def listing(self, kernel: Kernel, link: KernelLink, query: Query) -> Listing:
        """The variables that match, by name."""
        text = await _declared(kernel, link, bash.LIST)
        if text is None:
            return await self._names(link, query)
        mine = await asyncio.to_thread(_mine, text, self._environment)
        data = [one for one in mine if not one.is_function and query.fits(one.name, one.type)]
        functions = [
            one.name for one in mine if one.is_function and query.fits(one.name, "function")
        ]
        notes = [
            "by name, since bash does not tell the age; what it sets itself, and the environment "
            "that it was given, are left out"
        ]
        if len(text) >= MAX_BYTES // 4 and len(text.encode()) >= MAX_BYTES - 1_024:
            notes.append("there is too much to list it all: what comes last is missing")
        return Listing(
            total=len(mine),
            data=len(data),
            variables=await asyncio.to_thread(_variables, data[: query.limit]),
            functions=Names(total=len(functions), names=tuple(map(line, functions[:100]))),
            notes=tuple(notes),
            order="name",
        )

    async def inspection(
        self, kernel: Kernel, link: KernelLink, steps: Sequence[Step], detail: Detail
    ) -> Inspection:
        """What bash says of a variable, an element of an array, or a function."""
        name = str(steps[0][1])
        # Nothing but a name may get into the shell's line.
        if not IDENTIFIER.fullmatch(name) or len(steps) > 2 or steps[-1][0] == "attribute":
            msg = (
                "bash has variables and elements of arrays: inspect_variable takes a name like "
                'paths, files[0] or ages["ann"] here.'
            )
            raise Unresolved(msg)
        text = await _declared(kernel, link, bash.show(name))
        if text is None:
            msg = "This kernel's variables cannot be read from here. execute_code can print them."
            raise Unresolved(msg)
        found = await asyncio.to_thread(_first, text)
        if found is None and text.startswith(f"{name} ()"):
            is_cut = len(text) > MAX_VALUE[detail]
            return Inspection(
                type="function", sections=(_text("source", text, detail),), is_cut=is_cut
            )
        if found is None:
            msg = f"There is no variable {name} in this shell. get_variables lists those there are."
            raise Unresolved(msg)
        if len(steps) == 2:
            return await asyncio.to_thread(_element, found, str(steps[1][1]), detail)
        return await asyncio.to_thread(_whole, found, detail)

    async def _names(self, link: KernelLink, query: Query) -> Listing:
        """The names alone, which the kernel completes."""
        reply = await _complete(link, "$")
        matches = reply.get("matches")
        found = matches if isinstance(matches, list) else []
        names = sorted({match.removeprefix("$") for match in found if isinstance(match, str)})
        mine = [
            name
            for name in names
            if not SHELLS_OWN.fullmatch(name)
            and name not in DEFAULTS
            and name not in activation.SET
            and name not in self._environment
        ]
        data = [name for name in mine if query.fits(name, "")]
        return Listing(
            total=len(mine),
            data=len(data),
            variables=tuple(Variable(name=line(name)) for name in data[: query.limit]),
            notes=("this kernel gives names only",),
            order="name",
        )


async def _declared(kernel: Kernel, link: KernelLink, commands: str) -> str | None:
    """What the shell declares; None if it cannot write where this server reads."""
    if kernel.hosted.pid is None:
        return None
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="jupyter-mcp-ext-"))
    path = folder / "declarations"
    try:
        code = bash.written(commands, str(path), mark=folder.name, max_bytes=MAX_BYTES)
        await _execute(link, code)
        data = await asyncio.to_thread(_read, path)
    finally:
        # A request that is answered too late finds no folder to write in.
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    return data


async def _execute(link: KernelLink, code: str) -> None:
    if link.is_busy:
        raise KernelBusy
    try:
        await run(link, code, timeout=PATIENCE)
    except asyncio.TimeoutError as err:
        raise KernelBusy from err


async def _complete(link: KernelLink, code: str) -> Content:
    if link.is_busy:
        raise KernelBusy
    content = {"code": code, "cursor_pos": len(code)}
    try:
        return await link.call("shell", "complete_request", content, timeout=PATIENCE)
    except asyncio.TimeoutError as err:
        raise KernelBusy from err


def _read(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES).decode(errors="replace")
    except OSError:
        return None


def _first(text: str) -> Declaration | None:
    return next(declarations(text), None)


def _mine(text: str, environment: Mapping[str, str]) -> list[Declaration]:
    return [one for one in declarations(text) if one.is_users(environment)]


def _variables(found: Sequence[Declaration]) -> tuple[Variable, ...]:
    return tuple(map(_variable, found))


def _variable(found: Declaration) -> Variable:
    words, count = found.value, 0
    if found.is_array:
        pairs, count = list(islice(found.elements(), 8)), found.count
        is_list = "A" not in found.flags
        words = ", ".join(value if is_list else f"{key}={value}" for key, value in pairs)
        words += ", …" if count > len(pairs) else ""
    kind = ", ".join(filter(None, (found.type, found.attributes)))
    return Variable(
        name=line(found.name),
        type=kind,
        shape=f"{count:,}" if found.is_array else "",
        bytes=None if found.is_array else len(words.encode(errors="replace")),
        preview=_cut(line(words[: 4 * MAX_PREVIEW]), MAX_PREVIEW),
    )


def _whole(found: Declaration, detail: Detail) -> Inspection:
    facts = [("attributes", found.attributes)] if found.attributes else []
    if not found.is_set:
        return Inspection(type=found.type, facts=tuple(facts), notes=("it has no value yet",))
    if not found.is_array:
        facts.append(("length", f"{len(found.value):,}"))
        is_cut = len(found.value) > MAX_VALUE[detail]
        return Inspection(
            type=found.type,
            facts=tuple(facts),
            sections=(_text("value", found.value, detail),),
            is_cut=is_cut,
        )
    limit, count = MAX_ROWS[detail], found.count
    some = islice(found.elements(), limit)
    rows = tuple((line(key), _cut(line(value), 200)) for key, value in some)
    return Inspection(
        type=found.type,
        facts=(*facts, ("length", f"{count:,}")),
        sections=(FactTable(title="elements", columns=("key", "value"), rows=rows),)
        if rows
        else (),
        is_cut=count > limit,
    )


def _element(found: Declaration, key: str, detail: Detail) -> Inspection:
    if not found.is_array:
        msg = f"{found.name} is not an array ({found.type}). Inspect it without a key."
        raise Unresolved(msg)
    elements = dict(found.elements())
    if key.startswith("-") and key[1:].isdecimal() and "A" not in found.flags and elements:
        key = str(int(next(reversed(elements))) + 1 + int(key))
    if key not in elements:
        some = ", ".join(map(line, islice(elements, 20)))
        msg = f"{found.name} has no element {line(key)[:80]!r}. It has: {some or 'none'}."
        raise Unresolved(msg)
    value = elements[key]
    return Inspection(
        type="string",
        facts=(("length", f"{len(value):,}"),),
        sections=(_text("value", value, detail),),
        is_cut=len(value) > MAX_VALUE[detail],
    )


def _text(title: str, text: str, detail: Detail) -> Text:
    return Text(title=title, text=_cut(strip(text.rstrip("\n")), MAX_VALUE[detail]))


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
