"""The one that talks to Jupyter's kernel manager: starts and ends kernels, keeps links to them.

A loss of a kernel's variables, whoever caused it, is kept here until everybody who had variables
there has been told.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from logging import Logger
from typing import Any
from weakref import WeakSet, WeakValueDictionary

from jupyter_core.utils import ensure_async
from jupyter_server.gateway.managers import GatewayMappingKernelManager
from tornado.web import HTTPError

from jupyter_mcp_ext.errors import KernelUnavailable

from .deaths import Deaths
from .link import KernelLink, KernelLost, Loss
from .links import McpLinks
from .losses import Losses, outside_end, outside_restart, outside_shutdown
from .process import Exit, ProcessWatch
from .signals import may_repeat
from .specs import check_startable, chosen
from .states import HonestState
from .status import KernelStatus, foreign_since, local_pid, look
from .stderr import StderrTail
from .subshells import Subshells
from .watching import ActivityWatch
from .zmq import ZmqLink

KERNEL_ACTIONS = "https://events.jupyter.org/jupyter_server/kernel_actions/v1"
"""Jupyter's event for every start, restart, interrupt and shutdown, whoever asked for it."""

DRAIN = 0.05
"""Seconds between a process's end and that of its link: its last output is still on the way."""

STARTS = 3
"""How often a kernel is started whose ports somebody takes before it does."""


NOT_STARTED = (HTTPError, KeyError, OSError, KernelLost, TimeoutError, KernelUnavailable)
"""What the start of a kernel raises; the KeyError when somebody ends it while it starts."""

ODD_SPEC = (TypeError, ValueError, AttributeError)
"""What it raises when its kernelspec holds something that no process can be given."""


class PortTaken(KernelUnavailable):
    """A kernel could not start because one of its ports was taken; another try gets others."""


class Kernels:
    """All kernels of the server, a person's as well as an agent's."""

    def __init__(
        self, manager: Any, specs: Any, event_logger: Any, links: McpLinks, log: Logger
    ) -> None:
        self._manager = manager
        self._specs = specs
        self._log = log
        self._events = event_logger
        self._links = links
        self._activity = ActivityWatch(manager)
        self._subshells = Subshells()
        self._visited: WeakSet[ZmqLink] = WeakSet()
        """Links to kernels that had a subshell of ours."""
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._watches: dict[str, ProcessWatch] = {}
        self._losses = Losses()
        self._deaths = Deaths()
        self._stderr: dict[str, StderrTail] = {}
        self._linked: dict[str, Any] = {}
        """The managers of kernels that ever had a link: others have nothing of ours to lose."""
        self._interrupts: dict[str, float] = {}
        """When a kernel was last interrupted, by whomever, in seconds since the epoch."""
        self._exiting: set[str] = set()
        """Kernels that are about to end because their code asked them to."""
        self._reviving: set[str] = set()
        """Kernels that died and are being started again, by us or by Jupyter's restarter."""
        self._events.add_listener(schema_id=KERNEL_ACTIONS, listener=self._on_action)

    def __contains__(self, kernel_id: str) -> bool:
        return kernel_id in self._manager

    @property
    def default_name(self) -> str:
        """The kernel that a session gets when it asks for none."""
        return str(self._manager.default_kernel_name)

    async def specs(self) -> Mapping[str, Mapping[str, Any]]:
        """The kernelspecs that can be started: ``kernel.json`` by name."""
        found: Mapping[str, Mapping[str, Any]] = await ensure_async(self._specs.get_all_specs())
        return {name: model["spec"] for name, model in found.items()}

    async def known_name(self, kernel_name: str | None) -> str:
        """The kernelspec that a name or display name means. Raises KernelUnavailable."""
        self._check_local()
        default = self.default_name
        return chosen(kernel_name or default, await self.specs(), default=default)

    async def command(self, kernel_name: str) -> Sequence[str]:
        """The command of a kernelspec; empty when there is none."""
        spec = (await self.specs()).get(kernel_name, {})
        return tuple(map(str, spec.get("argv") or ()))

    async def start(self, kernel_name: str, *, path: str, env: Mapping[str, str]) -> str:
        """Start a kernel in a folder (an API path) and wait until it answers; its id.

        Raises KernelUnavailable with what the kernel wrote to standard error.
        """
        self._check_local()
        for _ in range(STARTS - 1):
            try:
                return await self._start(kernel_name, path, env)
            except PortTaken:  # noqa: PERF203  # a new try is what the loop is for
                self._log.warning("A port of a starting kernel was taken; it is tried again")
        return await self._start(kernel_name, path, env)

    async def _start(self, kernel_name: str, path: str, env: Mapping[str, str]) -> str:
        tail = StderrTail()
        kernel_id = str(self._manager.new_kernel_id())
        starting = asyncio.ensure_future(
            self._manager.start_kernel(
                kernel_id=kernel_id,
                kernel_name=kernel_name,
                path=path,
                env=dict(env),
                stderr=tail.descriptor,
            )
        )
        starting.add_done_callback(lambda done: self._started(kernel_id, done))
        try:
            await asyncio.shield(starting)
            self._stderr[kernel_id] = tail
            # One that takes longer to start than the idle are kept is not idle.
            self._manager.notify_connect(kernel_id)
            await self._first_link(kernel_id, tail)
            self._manager.notify_disconnect(kernel_id)
        except (*NOT_STARTED, *ODD_SPEC) as err:
            said = tail.finish()
            if kernel_id in self._manager:
                await self._manager.shutdown_kernel(kernel_id, now=True)
            self._forget(kernel_id)
            if isinstance(err, ODD_SPEC):
                check_startable(kernel_name, (await self.specs()).get(kernel_name, {}))
            kind = PortTaken if tail.port_taken.done() else KernelUnavailable
            raise kind(_why_not_started(kernel_name, err, said)) from err
        except asyncio.CancelledError:
            await self._take_back(starting, tail)
            raise
        return kernel_id

    def _started(self, kernel_id: str, starting: asyncio.Future[str]) -> None:
        """Jupyter keeps a kernel that could not be started among those that are being started.

        The server then could not end: it shuts down those too, and fails for want of this one.
        """
        if starting.cancelled() or starting.exception() is not None:
            getattr(self._manager, "_pending_kernels", {}).pop(kernel_id, None)

    async def _take_back(self, starting: asyncio.Future[str], tail: StderrTail) -> None:
        """End a kernel that nobody waits for any more; its process may not be there yet."""
        await asyncio.wait({starting})
        if starting.exception() is None:
            await self.shutdown(starting.result(), by="this server", now=True)
        tail.close()

    async def _first_link(self, kernel_id: str, tail: StderrTail) -> None:
        """Wait until the kernel answers, or says that it never will: some hang then."""
        linking = asyncio.ensure_future(self.link(kernel_id))
        try:
            either: set[asyncio.Future[Any]] = {linking, tail.port_taken}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not linking.done():
                loss = Loss(kind="stopped", detail="one of its ports was taken")
                self.lose(kernel_id, loss)
            await linking
        finally:
            linking.cancel()

    @asynccontextmanager
    async def linked(self, kernel_id: str) -> AsyncIterator[ZmqLink]:
        """The open link to a kernel, which stays open as long as the kernel is there.

        A kernel that died is started again first. Raises KernelUnavailable.
        """
        link = await self.link(kernel_id)
        try:
            with self._links.used(link):  # at once: nothing else runs since the link was fetched
                yield link
        finally:
            self._close_idle_links()

    async def link(self, kernel_id: str) -> ZmqLink:
        """Like `linked`, of a link that may be closed whenever nothing is asked of it."""
        found = self._links.get(kernel_id)
        if found is not None and found.is_open and not self._is_leaving(kernel_id):
            self._links.put(found)
            return found
        self._check_deaths(kernel_id)
        async with self._changing(kernel_id):
            found = self._links.get(kernel_id)
            if found is not None and found.is_open and not self._is_leaving(kernel_id):
                return found
            return await self._open(kernel_id)

    async def interrupt(self, kernel_id: str) -> None:
        """Interrupt whatever the kernel runs. Raises KernelUnavailable."""
        try:
            await ensure_async(self._kernel(kernel_id).interrupt_kernel())
        except (HTTPError, RuntimeError, OSError) as err:
            msg = "The kernel could not be interrupted. restart_kernel starts it anew."
            raise KernelUnavailable(msg) from err
        self._interrupted(kernel_id)

    def last_interrupt(self, kernel_id: str) -> float:
        """When the kernel was last interrupted, by whomever, in seconds since the epoch; else 0."""
        return self._interrupts.get(kernel_id, 0.0)

    def _interrupted(self, kernel_id: str) -> None:
        self._interrupts[kernel_id] = time.time()
        link = self._links.get(kernel_id)
        if link is not None and link.is_open:
            link.wake()

    def may_repeat_interrupt(self, kernel_id: str) -> bool:
        """Whether the kernel stays sound when code that ignored an interrupt gets another."""
        link = self._links.get(kernel_id)
        return link is not None and may_repeat(link.info)

    async def restart(self, kernel_id: str, *, by: str, now: bool) -> None:
        """Restart a kernel, with ``now`` without asking it, and wait until it answers.

        Raises KernelUnavailable.
        """
        self._kernel(kernel_id)
        async with self._changing(kernel_id):
            self._deaths.forget(kernel_id)
            self.lose(kernel_id, Loss(kind="restarted", detail=f"the kernel was restarted by {by}"))
            try:
                await self._manager.restart_kernel(kernel_id, now=now)
            except (HTTPError, RuntimeError, OSError) as err:
                msg = (
                    "The kernel could not be restarted. shutdown_kernel ends it; the next "
                    "execute_code starts a new one."
                )
                raise KernelUnavailable(msg) from err
            await self._open(kernel_id)

    async def shutdown(self, kernel_id: str, *, by: str, now: bool) -> None:
        """End a kernel, with ``now`` without asking it; fine when it is gone already."""
        async with self._changing(kernel_id):
            self.lose(kernel_id, Loss(kind="stopped", detail=f"the kernel was shut down by {by}"))
            if kernel_id in self._manager:
                try:
                    await self._manager.shutdown_kernel(kernel_id, now=now)
                except HTTPError as err:
                    if err.status_code != 404:
                        msg = "The kernel could not be shut down. Try again, or ask a person."
                        raise KernelUnavailable(msg) from err
        self._forget(kernel_id)

    async def check_stays(self, kernel_id: str) -> None:
        """Raise KernelLost when somebody else is ending the kernel, as soon as it has ended.

        Jupyter interrupts a kernel before it asks it to go, so code can end by that first.
        """
        if not self._is_leaving(kernel_id):
            return
        if kernel_id in self._links:
            await self._losses.gone(kernel_id)
        if kernel_id not in self._links and self.losses(kernel_id):
            raise KernelLost(self.losses(kernel_id)[-1])

    async def exits(self, kernel_id: str) -> None:
        """Wait for the end of a kernel whose code has asked it to go; that is no fault of it."""
        if kernel_id in self._links:
            self._exiting.add(kernel_id)
            await self._losses.gone(kernel_id)
            self._exiting.discard(kernel_id)

    def _is_leaving(self, kernel_id: str) -> bool:
        return kernel_id not in self._manager or self._kernel(kernel_id).shutting_down

    def losses(self, kernel_id: str) -> tuple[Loss, ...]:
        """Every loss of this kernel's variables so far, oldest first."""
        return self._losses.of(kernel_id)

    def lose(self, kernel_id: str, loss: Loss) -> None:
        """Note that the kernel's variables are gone and end what waits for it."""
        if loss.kind == "died" and kernel_id in self._exiting:
            detail = "the kernel ended, since its code called exit()"
            loss = replace(loss, kind="exited", detail=detail)
        elif loss.kind == "died":
            loss = replace(loss, detail=self._deaths.count(kernel_id, loss.detail))
            self._stop_restarter(kernel_id)
        self._losses.add(kernel_id, loss)
        self._unwatch(kernel_id)
        link = self._links.pop(kernel_id)
        if link is not None:
            link.lose(loss)
        self._activity.give_back(kernel_id)

    def look_for_end(self, kernel_id: str) -> None:
        """Note the loss of a kernel that Jupyter has ended and will tell of in a moment."""
        is_gone = kernel_id in self._linked and kernel_id not in self._manager
        if is_gone and not self._losses.is_noted(kernel_id):
            self.lose(kernel_id, self._outside_shutdown(kernel_id))

    def note(self, kernel_id: str, loss: Loss) -> None:
        """Note a loss that befell before this kernel was started in another's place."""
        self._losses.note(kernel_id, loss)

    def begin(self, kernel_id: str) -> None:
        """Count as connected while code runs, so that the kernel is not culled under it."""
        self._manager.notify_connect(kernel_id)
        self._deaths.mark(kernel_id)

    def end(self, kernel_id: str) -> None:
        """Count as connected no longer; idle kernels are culled as the operator says."""
        self._manager.notify_disconnect(kernel_id)
        link = self._links.get(kernel_id)
        if link is not None and link.is_open:
            self._deaths.survive(kernel_id)

    def stop_watching(self, kernel_id: str) -> None:
        """Have nothing that a kernel says, which has answered, counted as the server's activity."""
        self._activity.stop(kernel_id, self._links.get(kernel_id))

    def start_watching(self, kernel_id: str) -> None:
        """Have it counted again, as Jupyter does by itself for a kernel that is started."""
        self._activity.start(kernel_id, self._links.get(kernel_id))

    async def is_sound(self, kernel_id: str) -> bool:
        """Whether the kernel lives, and has from its start."""
        if kernel_id not in self._manager or self.losses(kernel_id):
            return False
        return bool(await ensure_async(self._kernel(kernel_id).is_alive()))

    def foreign_since(self, kernel_id: str) -> float | None:
        """Since when, in seconds since the epoch, the kernel runs code that is not ours."""
        if kernel_id not in self._manager or self._losses.is_noted(kernel_id):
            return None
        return foreign_since(self._kernel(kernel_id), self._links.get(kernel_id))

    def foreign_beside(self, kernel_id: str) -> float | None:
        """Since when any other kernel runs code that is not ours."""
        others = (each for each in self._manager.list_kernel_ids() if each != kernel_id)
        found = [since for each in others if (since := self.foreign_since(each)) is not None]
        return min(found, default=None)

    def pid(self, kernel_id: str) -> int | None:
        """The process of a kernel on this machine."""
        return local_pid(self._kernel(kernel_id)) if kernel_id in self._manager else None

    def pids(self) -> set[int]:
        """The processes of all kernels on this machine."""
        found = (self.pid(kernel_id) for kernel_id in self._manager.list_kernel_ids())
        return {pid for pid in found if pid is not None}

    def is_idle(self, kernel_id: str) -> bool:
        """Whether nothing runs in it that is known here."""
        link = self._links.get(kernel_id)
        return link is None or (link.is_idle and link.foreign is None)

    def can_evaluate_beside(self, link: KernelLink) -> bool:
        """Whether `evaluate_beside` can be used with a kernel."""
        return self._subshells.exist(link)

    async def evaluate_beside(
        self,
        link: ZmqLink,
        source: str,
        function: str,
        arguments: Mapping[str, Any],
        *,
        timeout: float,
    ) -> Any:
        """Like `evaluate`, in a subshell: while the kernel runs code, which goes on meanwhile."""
        if link not in self._visited:
            HonestState(self._kernel(link.kernel_id), link)
            self._visited.add(link)
        return await self._subshells.evaluate(link, source, function, arguments, timeout=timeout)

    def language(self, kernel_id: str) -> str:
        """The language of a kernel that has a link; else empty."""
        link = self._links.get(kernel_id)
        return link.info.language if link is not None and link.info is not None else ""

    def implementation(self, kernel_id: str) -> str:
        """What a kernel that has a link calls itself, as ``bash_kernel``; else empty."""
        link = self._links.get(kernel_id)
        return link.info.implementation if link is not None and link.info is not None else ""

    async def status(self, kernel_id: str) -> KernelStatus:
        """What is known of a kernel now. Raises KernelUnavailable when it is gone."""
        known = await look(kernel_id, self._kernel(kernel_id), self._links.get(kernel_id))
        if self._losses.is_noted(kernel_id):
            # Jupyter goes on saying what the process was at that is gone.
            known = replace(known, foreign_since=None)
        if self._deaths.are_too_many(kernel_id):
            return replace(known, state="dead")
        if self._losses.is_restarting(kernel_id):
            return replace(known, state="restarting")
        return known

    async def close(self) -> None:
        """Close every link; the kernels are Jupyter's to end."""
        self._events.remove_listener(listener=self._on_action)
        for kernel_id in self._links.ids():
            self.lose(kernel_id, Loss(kind="stopped", detail="the server is stopping"))
        for kernel_id in list(self._stderr):
            self._forget(kernel_id)

    def _check_deaths(self, kernel_id: str) -> None:
        if self._deaths.are_too_many(kernel_id):
            raise KernelUnavailable(self._deaths.refusal(kernel_id))

    def _stop_restarter(self, kernel_id: str) -> None:
        """Let Jupyter not start a kernel again that dies again and again.

        A person's kernel is left to it: they would not learn why theirs stays away, and it only
        lies idle until one of them acts.
        """
        is_ours = kernel_id in self._stderr and kernel_id in self._manager
        if is_ours and self._deaths.are_too_many(kernel_id):
            self._kernel(kernel_id).stop_restarter()

    def _kernel(self, kernel_id: str) -> Any:
        if kernel_id not in self._manager:
            losses = self.losses(kernel_id)
            why = f" ({losses[-1].detail})" if losses else ""
            msg = (
                f"The kernel and its unsaved variables are lost{why}. execute_code starts a new "
                "one."
            )
            raise KernelUnavailable(msg)
        return self._manager.get_kernel(kernel_id)

    def _check_local(self) -> None:
        # A gateway's kernels have no sockets here: to connect would wait on port 0 for ever.
        if isinstance(self._manager, GatewayMappingKernelManager):
            msg = (
                "This server's kernels run on a gateway (--gateway-url), where code cannot be "
                "executed from here yet. Use a Jupyter server that runs its own kernels."
            )
            raise KernelUnavailable(msg)

    async def _open(self, kernel_id: str) -> ZmqLink:
        self._check_local()
        kernel = self._kernel(kernel_id)
        if kernel.shutting_down and kernel_id in self._linked:
            await self._losses.back(kernel_id)
            self._kernel(kernel_id)
        if not await ensure_async(kernel.is_alive()):
            await self._revive(kernel_id)
        link = ZmqLink(kernel_id, kernel, self._log)
        self._links.put(link)
        link.on_interrupt = partial(self._interrupted, kernel_id)
        if kernel_id not in self._linked:
            self._linked[kernel_id] = kernel
            # The word of Jupyter's restarter, where no process can be watched.
            kernel.add_restart_callback(partial(self._on_death, kernel_id, kernel), "restart")
            kernel.add_restart_callback(partial(self._on_given_up, kernel_id, kernel), "dead")
        pid = local_pid(kernel)
        if pid is not None:
            self._deaths.restarted(kernel_id)
            watch = ProcessWatch.start(pid, partial(self._on_exit, kernel_id, kernel))
            if watch is not None:
                self._watches[kernel_id] = watch
        try:
            with self._links.used(link):
                await link.open(self._manager.kernel_info_timeout)
        except KernelLost as err:
            msg = f"The kernel ended ({err.loss.detail})."
            raise KernelUnavailable(msg) from err
        except TimeoutError as err:
            self.lose(kernel_id, Loss(kind="stopped", detail="the kernel does not answer"))
            msg = (
                f"The kernel has not answered for {self._manager.kernel_info_timeout:g} s. "
                "restart_kernel starts it anew."
            )
            raise KernelUnavailable(msg) from err
        if getattr(kernel, "execution_state", "") == "busy":
            link.find_running()
        self._activity.take_over(kernel_id, link)
        if pid is not None:  # only now: a program before the kernel may have joined a cgroup
            self._deaths.watch(kernel_id, pid)
        return link

    async def _revive(self, kernel_id: str) -> None:
        """Start a dead kernel again now, not when Jupyter's restarter comes round to it."""
        self._on_death(kernel_id, self._kernel(kernel_id))
        self._check_deaths(kernel_id)
        try:
            await self._manager.restart_kernel(kernel_id, now=True)
        except (HTTPError, RuntimeError, OSError) as err:
            self._reviving.discard(kernel_id)
            msg = "The kernel died and could not be started again. create_session starts another."
            raise KernelUnavailable(msg) from err

    def _close_idle_links(self) -> None:
        for link in self._links.surplus():
            self._links.pop(link.kernel_id)
            self._unwatch(link.kernel_id)
            link.lose(Loss(kind="stopped", detail="the idle link was closed"))
            self._activity.give_back(link.kernel_id)

    def _on_exit(self, kernel_id: str, kernel: Any, end: Exit) -> None:
        words = self._deaths.explain(kernel_id, end)
        link = self._links.get(kernel_id)
        # Asked now: when its last output has come, a new process may be on its way already.
        asked = kernel.shutting_down
        asyncio.get_running_loop().call_later(DRAIN, self._end, kernel_id, asked, link, words)

    def _on_death(self, kernel_id: str, kernel: Any) -> None:
        """The kernel has died, and is started again next; its loss may be noted already."""
        self._reviving.add(kernel_id)
        if not self._losses.is_noted(kernel_id):
            words = self._deaths.explain(kernel_id, Exit.of(_returncode(kernel)))
            self.lose(kernel_id, Loss(kind="died", detail=words))

    def _on_given_up(self, kernel_id: str, kernel: Any) -> None:
        """The kernel has died once more, and Jupyter takes it from its list."""
        self._on_death(kernel_id, kernel)
        self._forget(kernel_id)

    def _end(self, kernel_id: str, asked: bool, link: ZmqLink | None, words: str) -> None:
        if self._links.get(kernel_id) is not link:
            return  # somebody noted the loss meanwhile
        if not asked:
            loss = Loss(kind="died", detail=words)
        elif link is not None and link.heard_restart:
            loss = outside_restart()
        elif link is not None and link.heard_restart is not None:
            loss = self._outside_shutdown(kernel_id)
        else:
            loss = outside_end()
        self.lose(kernel_id, loss)

    def _outside_shutdown(self, kernel_id: str) -> Loss:
        default_limit = getattr(self._manager, "cull_idle_timeout", 0)
        return outside_shutdown(self._linked[kernel_id], default_limit)

    async def _on_action(self, logger: Any, schema_id: str, data: Mapping[str, Any]) -> None:
        """Hear of every restart and shutdown, also where no process can be watched."""
        kernel_id, action = data.get("kernel_id", ""), data.get("action")
        if data.get("status") != "success" or kernel_id not in self._linked:
            return
        if action == "interrupt":
            self._interrupted(kernel_id)
        if action in ("restart", "shutdown") and not self._losses.is_noted(kernel_id):
            is_shutdown = action == "shutdown"
            self.lose(
                kernel_id, self._outside_shutdown(kernel_id) if is_shutdown else outside_restart()
            )
        if action == "restart":
            self._losses.restarted(kernel_id)
            self._deaths.restarted(kernel_id)
            if kernel_id not in self._links:
                self._activity.give_back(kernel_id)
            if kernel_id in self._reviving:
                self._reviving.discard(kernel_id)
            else:  # somebody wants it to live
                self._deaths.survive(kernel_id)
        elif action == "shutdown":
            self._losses.shut_down(kernel_id)
            if kernel_id not in self._manager:
                self._forget(kernel_id)

    def _changing(self, kernel_id: str) -> asyncio.Lock:
        """Held while a link is opened or a kernel restarted, so that neither meets the other."""
        return self._locks.setdefault(kernel_id, asyncio.Lock())

    def _unwatch(self, kernel_id: str) -> None:
        watch = self._watches.pop(kernel_id, None)
        if watch is not None:
            watch.close()

    def _forget(self, kernel_id: str) -> None:
        self._linked.pop(kernel_id, None)
        self._interrupts.pop(kernel_id, None)
        self._losses.forget(kernel_id)
        self._activity.give_back(kernel_id)
        self._reviving.discard(kernel_id)
        self._deaths.forget(kernel_id)
        tail = self._stderr.pop(kernel_id, None)
        if tail is not None:
            tail.close()


def _returncode(kernel: Any) -> int | None:
    """How a local kernel's process ended, once Jupyter has looked; None when it does not tell."""
    process = getattr(kernel.provisioner, "process", None)
    code = getattr(process, "returncode", None)
    return code if isinstance(code, int) else None


def _why_not_started(kernel_name: str, err: Exception, said: str) -> str:
    match err:
        case TimeoutError():
            why = "it did not answer in time"
        case KeyError():
            why = "somebody shut it down meanwhile"
        case HTTPError():
            why = err.log_message or "Jupyter refused"
        case _:
            why = str(err) or type(err).__name__
    words = f"The kernel {kernel_name!r} did not start: {why.rstrip('.')}."
    if said:
        words += f" It wrote: {said}"
    return words + " list_sessions shows the other kernels there are."
