"""An ``Authorizer`` for Jupyter's own REST API that keeps users apart."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from jupyter_core.utils import ensure_async
from jupyter_server.auth.authorizer import Authorizer
from jupyter_server.base.handlers import AuthenticatedFileHandler
from jupyter_server.files.handlers import FilesHandler
from jupyter_server.services.api.handlers import IdentityHandler
from traitlets import List, Type, Unicode

if TYPE_CHECKING:
    from jupyter_server.auth.identity import User
    from jupyter_server.base.handlers import JupyterHandler

    from .owners import Owners
    from .refusals import Cause

FOR_ALL = frozenset(
    {("read", "kernelspecs"), ("read", "config"), ("read", "api"), ("write", "csp")}
)
"""What shows nothing of a user."""

WHOLE = frozenset({"PUT", "PATCH", "DELETE"})
"""Methods that replace, move or remove what a path names."""

READING = frozenset({"GET", "HEAD"})

NAMING = frozenset({"POST", "PATCH"})
"""Methods whose body names another path."""

OnRefused: TypeAlias = "Callable[[Cause, str | None, str | None], object]"

Rule: TypeAlias = "Callable[[Owners, JupyterHandler, User], Awaitable[bool]]"


def _ignore(cause: Cause, address: str | None, user: str | None) -> None:
    """Where refusals are not counted."""


class OwnersAuthorizer(Authorizer):
    """Lets users reach what their agents have, and nothing of other users.

    For ``ServerApp.authorizer_class``. What belongs to no user (kernels that people start,
    terminals, lists of all, the server itself) is for administrators.
    """

    authorizer_class = Type(
        "jupyter_server.auth.authorizer.AllowAllAuthorizer",
        klass=Authorizer,
        help="The authorizer that is asked besides, for every right.",
    ).tag(config=True)
    resources = List(
        Unicode(),
        help="Resources of other extensions, by the names that they give the authorizer, that all "
        "users may use.",
    ).tag(config=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        make: Any = self.authorizer_class
        self.besides: Authorizer = make(parent=self, identity_provider=self.identity_provider)
        """The authorizer that is asked besides."""
        self._owners: Owners | None = None
        self._on_refused: OnRefused = _ignore
        self._has_warned = False

    def guard(self, owners: Owners, on_refused: OnRefused = _ignore) -> None:
        """Let users reach what is theirs; until then all is refused.

        ``on_refused`` is called with the cause of a refusal, the address and the subject.
        """
        self._owners, self._on_refused = owners, on_refused

    async def is_authorized(
        self, handler: JupyterHandler, user: User, action: str, resource: str
    ) -> bool:
        """Whether a user may make a request of Jupyter's REST API."""
        if self._owners is None:
            self._warn()
            return False
        asked = self.besides.is_authorized(handler, user, action, resource)
        if await ensure_async(asked) is not True:
            return self._refuse("rights", handler, self._owners.subject(user))
        if await self._has(self._owners, handler, user, (action, resource)):
            return True
        return self._refuse("owner", handler, self._owners.subject(user))

    async def _has(
        self, owners: Owners, handler: JupyterHandler, user: User, right: tuple[str, str]
    ) -> bool:
        """Whether what a request is about is a user's, or for all."""
        resource = right[1]
        if rule := RULES.get(resource):
            return await rule(owners, handler, user)
        is_for_all = right in FOR_ALL or resource in self.resources
        return is_for_all or owners.is_administrator(user)

    def _refuse(self, cause: Cause, handler: JupyterHandler, subject: str) -> Literal[False]:
        asks_only = isinstance(handler, IdentityHandler) or getattr(handler, "asks_only", False)
        if not asks_only:
            self._on_refused(cause, handler.request.remote_ip, subject)
        return False

    def _warn(self) -> None:
        if not self._has_warned:
            self._has_warned = True
            self.log.warning("All requests are refused: MCP, which knows owners, is not served")


async def _kernels(owners: Owners, handler: JupyterHandler, user: User) -> bool:
    kernel_id = handler.path_kwargs.get("kernel_id")
    if kernel_id is None:  # the list of all, or a new one outside of the sandbox
        return owners.is_administrator(user)
    return owners.has_kernel(user, kernel_id)


async def _sessions(owners: Owners, handler: JupyterHandler, user: User) -> bool:
    session_id = handler.path_kwargs.get("session_id")
    if session_id is None:
        return owners.is_administrator(user)
    if not await owners.has_session(user, session_id):
        return False
    # A change can start a kernel outside of the sandbox, or name another user's.
    return handler.request.method != "PATCH" or owners.is_administrator(user)


async def _contents(owners: Owners, handler: JupyterHandler, user: User) -> bool:
    path = _path(handler)
    if path is None:  # an extension's own handler, which names files in another way
        return owners.is_administrator(user)
    method = handler.request.method
    if not await owners.has_path(user, path, whole=method in WHOLE):
        return False
    is_read_only = method in READING and await owners.is_folder(path)
    if not (is_read_only or await owners.has_beside(user, path)):
        return False
    if method not in NAMING or not handler.request.body:
        return True
    body = handler.get_json_body()
    if not isinstance(body, dict):
        return False
    return await _has_named(owners, user, body)


def _path(handler: JupyterHandler) -> str | None:
    """The API path that a request is about; None if that cannot be told."""
    if isinstance(handler, AuthenticatedFileHandler | FilesHandler):
        return str(handler.path_args[0]) if handler.path_args else None
    path: str | None = handler.path_kwargs.get("path")
    return path


async def _has_named(owners: Owners, user: User, body: Mapping[str, Any]) -> bool:
    """Whether a user may use what a request's body names: where from, and where to."""
    for key in ("path", "copy_from"):
        named = body.get(key)
        if named is None:
            continue
        if not isinstance(named, str) or not await owners.has_path(user, named, whole=True):
            return False
        # Jupyter copies what links in a folder lead to, too.
        is_folder = key == "copy_from" and await owners.is_folder(named)
        if is_folder or not await owners.has_beside(user, named):
            return False
    return True


RULES: Mapping[str, Rule] = {"kernels": _kernels, "sessions": _sessions, "contents": _contents}
"""For resources that belong to users."""
