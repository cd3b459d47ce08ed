"""Subscriptions to resources: of protocol sessions, and as streams from 2026-07-28 on.

A subscription is checked like a read. Notifications have a URI and nothing of the resource.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

import mcp_types as types
from mcp.server.subscriptions import SUBSCRIPTION_ID_META_KEY
from mcp.shared.exceptions import MCPError

from jupyter_mcp_ext.errors import Forbidden, ToolError
from jupyter_mcp_ext.resources.uris import ListOf
from jupyter_mcp_ext.tools.road import recorded

from . import notebook_resource, session_resource
from .resources import find, not_found, refused
from .subscriber import Subscriber

if TYPE_CHECKING:
    from jupyter_mcp_ext.resources.changes import Changes
    from jupyter_mcp_ext.resources.uris import Name

    from .execution_tasks import OpenCall
    from .tasks import Context

MCP_SESSION_END = "jupyter_mcp_ext.mcp_session_end"
"""Key of the ASGI scope for a function that takes what is to be called when the protocol session of
the request has ended."""

MAX_RESOURCES = 200
"""Resources to which one session or stream is subscribed."""

MAX_STREAMS = 100
"""Streams of all clients of one user."""

AtEnd: TypeAlias = Callable[[Callable[[], None]], None]


class Subscriptions:
    """The subscriptions of all clients."""

    def __init__(self, open_call: OpenCall, changes: Changes) -> None:
        self._open_call = open_call
        self._changes = changes
        self._sessions: dict[AtEnd, Subscriber] = {}
        """By the protocol session, which has one such function for all of its requests."""
        self._streams: dict[Subscriber, str] = {}
        """With their users."""

    async def subscribe(
        self, ctx: Context, params: types.SubscribeRequestParams
    ) -> types.EmptyResult:
        """Answer ``resources/subscribe``."""
        names = await self._names(ctx, params.uri)
        subscriber = self._of_session(ctx)
        if params.uri not in subscriber and len(subscriber) >= MAX_RESOURCES:
            raise MCPError(
                code=types.INVALID_PARAMS,
                message=f"This session has {MAX_RESOURCES} subscriptions, which is the limit. "
                "Unsubscribe from a resource first.",
            )
        subscriber.add(params.uri, names)
        return types.EmptyResult()

    async def unsubscribe(
        self, ctx: Context, params: types.UnsubscribeRequestParams
    ) -> types.EmptyResult:
        """Answer ``resources/unsubscribe``."""
        self._of_session(ctx).remove(params.uri)
        return types.EmptyResult()

    async def note_list(self, ctx: Context) -> None:
        """A protocol session was shown the list: it is told when that changes."""
        has_session = ctx.request is not None and MCP_SESSION_END in ctx.request.scope
        if has_session and (names := await self._list(ctx)):
            self._of_session(ctx).add(None, names)

    async def listen(
        self, ctx: Context, params: types.SubscriptionsListenRequestParams
    ) -> types.SubscriptionsListenResult:
        """Answer ``subscriptions/listen`` until the client closes the stream."""
        subject = self._open_call(ctx).caller.subject
        if list(self._streams.values()).count(subject) >= MAX_STREAMS:
            raise MCPError(
                code=types.INTERNAL_ERROR,
                message=f"You have {MAX_STREAMS} open streams of subscriptions, which is the "
                "limit. Close one, or read the resources again instead.",
            )
        meta = {SUBSCRIPTION_ID_META_KEY: ctx.request_id}
        subscriber = Subscriber(self._changes, _stream(ctx, meta))
        self._streams[subscriber] = subject
        try:
            honoured = await self._subscribed(ctx, subscriber, params.notifications)
            acknowledged = types.SubscriptionsAcknowledgedNotificationParams(
                notifications=honoured, _meta=meta
            )
            await ctx.session.send_notification(
                types.SubscriptionsAcknowledgedNotification(params=acknowledged),
                related_request_id=ctx.request_id,
            )
            subscriber.open()
            await asyncio.get_running_loop().create_future()  # the SDK cancels this request
        finally:
            del self._streams[subscriber]
            subscriber.close()
        return types.SubscriptionsListenResult(_meta=meta)

    def close(self) -> None:
        """End all of them."""
        for subscriber in (*self._sessions.values(), *self._streams):
            subscriber.close()
        self._sessions.clear()

    async def _subscribed(
        self, ctx: Context, subscriber: Subscriber, wanted: types.SubscriptionFilter
    ) -> types.SubscriptionFilter:
        """Subscribe to what is wanted, exists and is allowed, and give that."""
        # Each is looked up and recorded, also one that does not exist.
        first = [*islice(dict.fromkeys(wanted.resource_subscriptions or ()), MAX_RESOURCES)]
        for uri in first:
            with suppress(MCPError):  # the client sees in the acknowledgement that it is not there
                subscriber.add(uri, await self._names(ctx, uri))
        uris = [uri for uri in first if uri in subscriber]
        if wanted.resources_list_changed and (names := await self._list(ctx)):
            subscriber.add(None, names)
        return types.SubscriptionFilter(
            resources_list_changed=True if None in subscriber else None,
            resource_subscriptions=uris or None,
        )

    async def _list(self, ctx: Context) -> frozenset[Name]:
        """The list of resources, for a caller who may read any of it."""
        call = self._open_call(ctx)
        for kind in (notebook_resource, session_resource):
            with suppress(Forbidden):
                await call.require(*kind.RIGHTS, tool=kind.TOOL)
                return frozenset({ListOf(subject=call.caller.subject)})
        return frozenset()

    async def _names(self, ctx: Context, uri: str) -> frozenset[Name]:
        """The names of a resource for a caller who may read it. Raises MCPError."""
        call = self._open_call(ctx)

        async def names() -> tuple[frozenset[Name], str]:
            return frozenset((await find(call, uri)).names), "ok"

        try:
            return await recorded(ctx.method, call, names)
        except ToolError as err:
            raise refused(err, not_found(ctx), uri) from err

    def _of_session(self, ctx: Context) -> Subscriber:
        """What the protocol session of a request is subscribed to."""
        at_end: AtEnd = ctx.request.scope[MCP_SESSION_END]  # type: ignore[union-attr]  # over HTTP
        subscriber = self._sessions.get(at_end)
        if subscriber is None:
            subscriber = self._sessions[at_end] = Subscriber(self._changes, _standalone(ctx))
            subscriber.open()

            def ended() -> None:
                self._sessions.pop(at_end, None)
                subscriber.close()

            at_end(ended)
        return subscriber


def _stream(ctx: Context, meta: dict[str, Any]) -> Callable[[str | None], Any]:
    """Sends notifications on the stream that a request has opened."""

    async def send(uri: str | None) -> None:
        notification: types.ServerNotification
        if uri is None:
            notification = types.ResourceListChangedNotification(
                params=types.NotificationParams(_meta=meta)
            )
        else:
            updated = types.ResourceUpdatedNotificationParams(uri=uri, _meta=meta)
            notification = types.ResourceUpdatedNotification(params=updated)
        await ctx.session.send_notification(notification, related_request_id=ctx.request_id)

    return send


def _standalone(ctx: Context) -> Callable[[str | None], Any]:
    """Sends notifications on the stream that a protocol session listens to, if it does."""

    async def send(uri: str | None) -> None:
        if uri is None:
            await ctx.session.send_resource_list_changed()
        else:
            await ctx.session.send_resource_updated(uri)

    return send
