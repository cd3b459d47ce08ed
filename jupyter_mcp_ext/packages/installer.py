"""The two programs that install packages: each resolves first, then installs exactly that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .beside import Beside
from .configuration import scrubbed
from .plan import Planned, Unreadable, explained, hashed, of_pip, of_uv
from .process import MEMORY, Run, run
from .trouble import ADVICE, Trouble, trouble, unfetched

Say = Callable[[str], object]

TOLD = (
    *("Collecting ", "Downloading ", "Building ", "Preparing metadata", "Installing build"),
    *("Resolved ", "Built ", "Prepared "),
)
"""How an installer's lines of progress begin."""

OF_OURS = "(from -r "
"""Marks pip's lines on the pins that it was given, which were reported when they were resolved."""

CHANGING = ("Installing collected packages", "Prepared ", "Uninstalled ", "Installed ")
"""Lines after which the environment is being changed."""

FAULTS = ("ERROR:", "error:", "\N{MULTIPLICATION SIGN}", "Caused by:")
MAX_REASON = 1_500
"""Characters of the reason for a failure that are kept, from its beginning."""

ALL = ":all:"

COMPILERS = "4"
"""Processes of uv that compile code at a time, at most, if the server's environment names no other
number."""

COPIED = ("--link-mode", "copy")

SYSTEM_CERTIFICATES = {"UV_SYSTEM_CERTS": "1", "UV_NATIVE_TLS": "1"}
"""Has uv use the system's certificates, in newer and in older versions."""


class ProgramFailed(Exception):
    """An installer failed; the message is the reason, cut."""

    def __init__(
        self, reason: str, kind: Trouble = "requirements", said: Sequence[str] = ()
    ) -> None:
        super().__init__(reason)
        self.kind = kind
        self.said = said
        """The whole reason, by line."""

    @property
    def advice(self) -> str:
        """What to do about it."""
        return ADVICE[self.kind]


class Installer(Protocol):
    """A program that installs into one environment."""

    name: str

    @property
    def is_changing(self) -> bool:
        """Whether it has begun to change the environment, and must not be ended any more."""
        ...

    async def resolve(
        self, requirements: Sequence[Requirement], *, upgrade: bool, say: Say
    ) -> tuple[Planned, ...]:
        """What it would install. Raises ProgramFailed."""
        ...

    async def explained(self, planned: tuple[Planned, ...]) -> tuple[Planned, ...]:
        """Add what each package requires, as far as it is known."""
        ...

    async def install(self, planned: Sequence[Planned], *, say: Say) -> None:
        """Install exactly that. Raises ProgramFailed."""
        ...

    async def uninstall(self, names: Sequence[str], *, say: Say) -> None:
        """Uninstall packages. Raises ProgramFailed."""
        ...


@dataclass(frozen=True, kw_only=True)
class _Job:
    """One run of a program."""

    argv: Sequence[str]
    doing: str
    """What it does, as the subject of an error message."""
    given: str | None = None
    """Its input."""
    log: Path | None = None
    """A file to which it logs more than it prints."""


class _Program:
    """What both programs have in common."""

    def __init__(self, env: Mapping[str, str], memory: int = 0) -> None:
        """``memory``: as for `run`."""
        self._env = env
        self._memory = memory
        self.is_changing = False

    async def _run(self, job: _Job, say: Say) -> Run:
        """Run the program, and report progress and why it failed. Raises ProgramFailed."""
        try:
            return await self._attempt(job, say)
        except ProgramFailed as err:
            for line in err.said:
                say(line)
            raise

    async def _attempt(self, job: _Job, say: Say) -> Run:
        """Run the program and report its progress. Raises ProgramFailed."""

        def hear(line: str) -> None:
            self.is_changing |= line.startswith(CHANGING)
            words = line.strip()
            if words.startswith(TOLD) and OF_OURS not in words and "finished with" not in words:
                say(scrubbed(words))

        try:
            ran = await run(job.argv, self._env, on_line=hear, given=job.given, memory=self._memory)
        except OSError as err:
            msg = f"{job.doing} failed: the installer cannot be started ({err.strerror})."
            raise ProgramFailed(msg) from err
        if ran.code != 0:
            more = await asyncio.to_thread(_unfetched, job.log) if job.log is not None else []
            reason = [*why(ran.lines), *map(scrubbed, more)]
            msg = f"{job.doing} failed: {cut(reason)}"
            raise ProgramFailed(msg, trouble([*ran.lines, *more]), reason)
        return ran


class Pip(_Program):
    """The pip of the environment itself."""

    name = "pip"

    def __init__(self, python: str, env: Mapping[str, str], *, only_binary: bool) -> None:
        super().__init__(env)
        self._pip = [python, "-m", "pip"]
        self._options = ["--only-binary", ALL] if only_binary else []

    async def resolve(
        self, requirements: Sequence[Requirement], *, upgrade: bool, say: Say
    ) -> tuple[Planned, ...]:
        with TemporaryDirectory(prefix="jupyter-mcp-") as folder:
            report = Path(folder) / "report.json"
            argv = [*self._pip, "install", "--dry-run", "--report", str(report), *self._options]
            argv += ["--upgrade"] if upgrade else []
            log = Path(folder) / "pip.log"
            argv += ["--log", str(log), "--", *map(str, requirements)]
            await self._run(_Job(argv=argv, doing="Resolving with pip", log=log), say)
            text = await asyncio.to_thread(report.read_text, "utf-8")
        try:
            return of_pip(text)
        except Unreadable as err:
            msg = f"{err}. A newer pip in the kernel's environment may help."
            raise ProgramFailed(msg) from err

    async def explained(self, planned: tuple[Planned, ...]) -> tuple[Planned, ...]:
        return planned  # its report has said it

    async def install(self, planned: Sequence[Planned], *, say: Say) -> None:
        with TemporaryDirectory(prefix="jupyter-mcp-") as folder:
            pins = Path(folder) / "requirements.txt"
            await asyncio.to_thread(pins.write_text, _pinned(planned), "utf-8")
            argv = [*self._pip, "install", "--no-deps", *_exactly(planned), *self._options]
            job = _Job(argv=[*argv, "-r", str(pins)], doing="Installing with pip")
            await self._run(job, say)

    async def uninstall(self, names: Sequence[str], *, say: Say) -> None:
        argv = [*self._pip, "uninstall", "-y", *names]
        await self._run(_Job(argv=argv, doing="Taking away"), say)


class Uv(_Program):
    """uv, which installs into any environment and needs nothing in it."""

    name = "uv"

    def __init__(
        self,
        uv: str,
        python: str,
        env: Mapping[str, str],
        *,
        only_binary: bool,
        beside: Beside | None = None,
    ) -> None:
        """``beside``: where packages go if not into the environment of ``python``."""
        super().__init__(env, 0 if beside is None else MEMORY)
        self._uv = [uv, "pip"]
        self._beside = beside
        self._into = ["--python", python]
        self._options = [*self._into, *(["--only-binary", ALL] if only_binary else [])]

    async def _attempt(self, job: _Job, say: Say) -> Run:
        try:
            return await super()._attempt(job, say)
        except ProgramFailed as err:
            if err.kind != "certificate" or SYSTEM_CERTIFICATES.items() <= self._env.items():
                raise
        # uv has certificates of its own; pip and the rest of the machine trust the machine's.
        say("trying again with the certificates that the machine trusts")
        self._env = {**self._env, **SYSTEM_CERTIFICATES}
        return await super()._attempt(job, say)

    async def resolve(
        self, requirements: Sequence[Requirement], *, upgrade: bool, say: Say
    ) -> tuple[Planned, ...]:
        # `uv pip compile` is easier to read, but looks at the index only: there is no solution for
        # what requires an installed package that is on no index, and others would be upgraded.
        argv = [*self._uv, "install", "--dry-run", *self._options]
        fixed: Collection[str] = ()
        if self._beside is not None:
            fixed = self._beside.fixed
            argv += ["--target", str(self._beside.view), "-c", str(self._beside.pins)]
        for requirement in requirements if upgrade else ():  # and, as pip does, no others
            if canonicalize_name(requirement.name) not in fixed:
                argv += ["--upgrade-package", requirement.name]
        argv += ["--", *map(str, requirements)]
        ran = await self._run(_Job(argv=argv, doing="Resolving with uv"), say)
        try:
            planned = of_uv(ran.lines)
        except Unreadable as err:
            msg = f"{err}. Another version of uv on the server may help, or McpPackages.use_uv."
            raise ProgramFailed(msg) from err
        return await self._hashed(planned)

    async def _hashed(self, planned: tuple[Planned, ...]) -> tuple[Planned, ...]:
        if not planned or any(each.url for each in planned):
            return planned
        return hashed(planned, await self._compile(planned, "--no-deps", "--generate-hashes"))

    async def explained(self, planned: tuple[Planned, ...]) -> tuple[Planned, ...]:
        return explained(planned, await self._compile(planned, "--annotation-style=line"))

    async def _compile(self, planned: Sequence[Planned], *options: str) -> Sequence[str]:
        """What uv prints about a plan; nothing if it fails, since no plan depends on it."""
        argv = [*self._uv, "compile", "-", *options, *self._options]
        given = "".join(f"{each.pin}\n" for each in planned)
        ran = await run(argv, self._env, given=given, memory=self._memory)
        return ran.lines if ran.code == 0 else ()

    async def install(self, planned: Sequence[Planned], *, say: Say) -> None:
        argv = [*self._uv, "install", "--no-deps", *_exactly(planned), *self._options, "-r", "-"]
        if self._beside is not None:
            # Kernels cannot write compiled code there, and no file is shared with uv's cache.
            argv += ["--target", str(self._beside.folder), "--compile-bytecode", *COPIED]
            self._env = {"UV_CONCURRENT_INSTALLS": COMPILERS, **self._env}
        job = _Job(argv=argv, doing="Installing with uv", given=_pinned(planned))
        await self._run(job, say)

    async def uninstall(self, names: Sequence[str], *, say: Say) -> None:
        argv = [*self._uv, "uninstall", *self._into, *names]
        await self._run(_Job(argv=argv, doing="Taking away"), say)


def why(lines: Sequence[str]) -> list[str]:
    """The reason in the output of a program that failed, without what precedes it."""
    told = [scrubbed(line) for line in lines]
    first = next((n for n, line in enumerate(told) if line.strip().startswith(FAULTS)), None)
    return told[-10:] if first is None else told[first:]


def _unfetched(log: Path) -> list[str]:
    """What pip's log says of pages that it could not fetch. Blocks."""
    try:
        with log.open(encoding="utf-8", errors="replace") as lines:
            return unfetched(lines)
    except OSError:
        return []


def cut(reason: Sequence[str]) -> str:
    """A reason, cut for an error message."""
    words = "\n".join(line.rstrip() for line in reason).removeprefix("ERROR: ")
    if len(words) <= MAX_REASON:
        return words
    return f"{words[:MAX_REASON]}… (get_output() shows all of it)"


def _has_hashes(planned: Sequence[Planned]) -> bool:
    """Whether every package has hashes: installers require them of all or of none."""
    return all(each.hashes for each in planned)


def _exactly(planned: Sequence[Planned]) -> list[str]:
    return ["--require-hashes"] if _has_hashes(planned) else []


def _pinned(planned: Sequence[Planned]) -> str:
    """The plan as a requirements file."""
    with_hashes = _has_hashes(planned)
    return "".join(
        " ".join([each.pin, *(f"--hash={h}" for h in each.hashes if with_hashes)]) + "\n"
        for each in planned
    )
