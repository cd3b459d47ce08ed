"""Who may call which tool: the operator's settings, and Jupyter's ``Authorizer``."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar

from jupyter_core.utils import ensure_async
from traitlets import Bool, Dict, Enum, List, Unicode
from traitlets.config import LoggingConfigurable

from jupyter_mcp_ext.errors import Forbidden, did_you_mean, shown

from .caller import groups_of, is_hubs_administrator
from .tool_names import ToolNames

if TYPE_CHECKING:
    from jupyter_server.auth.authorizer import Authorizer
    from jupyter_server.auth.identity import User

    from .caller import Principal

Action = Literal["read", "write", "execute"]
Resource = Literal["kernels", "kernelspecs", "sessions", "contents"]

Right: TypeAlias = tuple[Action, Resource]
"""An action and a resource, like ``("read", "contents")``, as Jupyter's own handlers ask for."""


class PolicyUnusable(Exception):
    """The settings contradict themselves or name what does not exist; the message says which."""


class Tool(Protocol):
    """A tool, as a policy looks at it."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def rights(self) -> tuple[Right, ...]:
        """The rights that every call needs."""


T = TypeVar("T", bound=Tool)


class _Names(List):  # type: ignore[type-arg]  # traitlets' own is generic to checkers only
    """A list of names that may be None, and takes one name from a command line."""

    def from_string(self, s: str) -> Any:
        """What an option says: traitlets' own makes None, and so no rule, of a single name."""
        return None if s == "None" else self.from_string_list([s])


def _tools(help_text: str) -> Any:
    """A setting with lists of tools by name of a user or group."""
    return Dict(value_trait=List(Unicode()), key_trait=Unicode(), help=help_text).tag(config=True)


class McpPolicy(LoggingConfigurable):
    """Decides each call, by these settings and by the rights that Jupyter gives a user."""

    read_only = Bool(
        default_value=False,
        help="Whether agents may only look: tools that run code or change something are off.",
    ).tag(config=True)
    tools = _Names(
        Unicode(),
        default_value=None,
        allow_none=True,
        help="The tools that all users have, if neither user_tools nor group_tools names others "
        "for them. None: every tool.",
    ).tag(config=True)
    user_tools = _tools("The tools of single users, by user name, in place of tools.")
    group_tools = _tools(
        "The tools of groups, by group name, in place of tools. A user of several groups has the "
        "tools of all of them; user_tools takes precedence."
    )
    disabled_tools = List(
        Unicode(), help="Tools that are off for all users, whatever the other settings say."
    ).tag(config=True)
    disabled_user_tools = _tools("Tools that are off for single users, by user name.")
    disabled_group_tools = _tools("Tools that are off for groups, by group name.")
    attach = Enum(
        ["all", "listed", "none"],
        default_value="all",
        help="Whose agents may use the kernels and notebooks that people have open: those of "
        "'all' users, of those 'listed' in attach_users and attach_groups, or of 'none'.",
    ).tag(config=True)
    attach_users = List(Unicode(), help="Users for attach = 'listed'.").tag(config=True)
    attach_groups = List(Unicode(), help="Groups for attach = 'listed'.").tag(config=True)
    admin_users = List(
        Unicode(),
        help="Administrators, beside those of JupyterHub: OwnersAuthorizer lets them use what "
        "belongs to no user.",
    ).tag(config=True)
    admin_groups = List(Unicode(), help="Groups whose users are administrators.").tag(config=True)
    multi_user = Bool(
        default_value=False,
        help="Whether users who do not trust each other share this server: MCP is served only "
        "with a sandbox, an audit file, OwnersAuthorizer and an identity provider that tells "
        "users apart.",
    ).tag(config=True)

    def __init__(
        self, authorizer: Authorizer, names: ToolNames | None = None, **kwargs: Any
    ) -> None:
        """``authorizer`` is Jupyter's, and is asked besides; ``names`` are those of all tools."""
        super().__init__(**kwargs)
        self._authorizer = authorizer
        self._names = ToolNames() if names is None else names

    @property
    def rule(self) -> str:
        """What decides where no setting does: the class of Jupyter's authorizer."""
        return type(self._authorizer).__name__

    def open(self, users: Collection[str] | None = None) -> None:
        """Check the settings. Raises PolicyUnusable.

        ``users`` are all users there are, where they can be known; others are warned of.
        """
        for setting, names in self._named():
            for name in names:
                if name not in self._names.all:
                    near = did_you_mean(name, self._names.all).rstrip("?")
                    msg = f"McpPolicy.{setting} names {shown(name)}, which is no tool.{near}"
                    raise PolicyUnusable(msg.rstrip("."))
        for name in (*self._users(), *self._groups()):
            if not name or name != name.strip():
                msg = (
                    f"McpPolicy names {shown(name)}, which is empty or has spaces around it, and "
                    "so is no user or group: remove them"
                )
                raise PolicyUnusable(msg)
        if self.attach != "listed" and (self.attach_users or self.attach_groups):
            msg = (
                "McpPolicy.attach_users and attach_groups have no effect while McpPolicy.attach is "
                f"{self.attach!r}: set it to 'listed', or remove them"
            )
            raise PolicyUnusable(msg)
        if users is not None:
            self._warn_of_unknown(users)

    def check(self, principal: Principal, tool: str) -> None:
        """Return if a user has a tool by the settings. Raises Forbidden."""
        if words := self._refusal(principal, tool):
            msg = f"{tool} {words}. Use another tool, or ask this server's operator for it."
            raise Forbidden(msg)

    async def allowed(self, principal: Principal, tools: Iterable[T]) -> list[T]:
        """Those of the tools that a user may call: has by the settings, and has the rights for."""
        has: dict[Right, bool] = {}
        found = []
        for tool in tools:
            if self._refusal(principal, tool.name):
                continue
            for right in tool.rights:
                if right not in has:
                    has[right] = await self._has(principal, right)
            if all(has[right] for right in tool.rights):
                found.append(tool)
        return found

    async def decide(self, principal: Principal, *rights: Right) -> None:
        """Check that Jupyter gives the principal all of the rights. Raises Forbidden."""
        for right in rights:
            if not await self._has(principal, right):
                action, resource = right
                msg = (
                    f"This server does not let you {action} {resource}. Ask its operator for the "
                    "right."
                )
                raise Forbidden(msg)

    def may_attach(self, principal: Principal) -> bool:
        """Whether a user's agents may use kernels and notebooks that people have open."""
        if self.attach != "listed":
            return bool(self.attach == "all")
        return principal.subject in self.attach_users or bool(
            principal.groups & set(self.attach_groups)
        )

    def is_administrator(self, subject: str, user: User) -> bool:
        """Whether a user may use what belongs to no user."""
        return (
            subject in self.admin_users
            or is_hubs_administrator(user)
            or bool(self.admin_groups and groups_of(user) & set(self.admin_groups))
        )

    async def _has(self, principal: Principal, right: Right) -> bool:
        action, resource = right
        # An authorizer of an operator may answer what is only true-ish by mistake, or None.
        asked = self._authorizer.is_authorized(principal.handler, principal.user, action, resource)
        return await ensure_async(asked) is True

    def _refusal(self, principal: Principal, tool: str) -> str:
        """Words for why a user does not have a tool, with the setting; empty if the user does."""
        if self.read_only and not self._names.reads(tool):
            return "is off: agents may only look here (McpPolicy.read_only)"
        if tool in self.disabled_tools:
            return "is off on this server (McpPolicy.disabled_tools)"
        if tool in self.disabled_user_tools.get(principal.subject, ()):
            return "is off for you (McpPolicy.disabled_user_tools)"
        if tool in _of_groups(self.disabled_group_tools, principal):
            return "is off for a group that you are in (McpPolicy.disabled_group_tools)"
        setting, names = self._enabled(principal)
        if names is not None and tool not in names:
            return f"is not among the tools that you have here (McpPolicy.{setting})"
        return ""

    def _enabled(self, principal: Principal) -> tuple[str, Collection[str] | None]:
        """The setting that decides which tools a user has, and those; None: every one."""
        if (own := self.user_tools.get(principal.subject)) is not None:
            return "user_tools", own
        if self.group_tools and principal.groups & self.group_tools.keys():
            return "group_tools", _of_groups(self.group_tools, principal)
        return "tools", self.tools

    def _named(self) -> Iterator[tuple[str, Iterable[str]]]:
        """Every setting that names tools, with these."""
        yield "tools", self.tools or ()
        yield "disabled_tools", self.disabled_tools
        for setting in ("user_tools", "group_tools", "disabled_user_tools", "disabled_group_tools"):
            for names in getattr(self, setting).values():
                yield setting, names

    def _users(self) -> set[str]:
        """Every user that is named."""
        listed = (*self.attach_users, *self.admin_users)
        return {*self.user_tools, *self.disabled_user_tools, *listed}

    def _groups(self) -> set[str]:
        """Every group that is named."""
        listed = (*self.attach_groups, *self.admin_groups)
        return {*self.group_tools, *self.disabled_group_tools, *listed}

    def _warn_of_unknown(self, users: Collection[str]) -> None:
        for name in sorted(self._users().difference(users)):
            self.log.warning(
                "McpPolicy names the user %s, who does not exist here. There are: %s",
                shown(name),
                ", ".join(users),
            )
        for name in sorted(self._groups()):
            self.log.warning(
                "McpPolicy names the group %s, but this server's identity provider has no groups",
                shown(name),
            )


def _of_groups(tools: Mapping[str, Iterable[str]], principal: Principal) -> set[str]:
    """The tools that are named for the groups of a user."""
    if not tools:
        return set()
    return {name for group in principal.groups for name in tools.get(group, ())}
