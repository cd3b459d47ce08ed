"""An identity provider with many users, like a hub's, for tests of ownership."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth.authorizer import Authorizer
from jupyter_server.auth.identity import IdentityProvider, User
from tornado.web import RequestHandler

OPTION = "--ServerApp.identity_provider_class=tests.users.NamedUsers"
GROUPS_OPTION = "--ServerApp.identity_provider_class=tests.users.GroupedUsers"


class NamedUsers(IdentityProvider):
    """Takes the token as its owner's name."""

    def get_user(self, handler: RequestHandler) -> User | None:
        """The owner of the request's token."""
        token = handler.request.headers.get("Authorization", "").removeprefix("Bearer ")
        return User(username=token) if token else None

    def is_token_authenticated(self, handler: RequestHandler) -> bool:
        """No user has a cookie."""
        return True


class Member(User):
    """A user whom the identity provider knows to be in groups."""

    groups: tuple[str, ...] = ()


class GroupedUsers(NamedUsers):
    """Takes the token as its owner's name, with groups behind it: ``carol@students,staff``."""

    def get_user(self, handler: RequestHandler) -> User | None:
        """The owner of the request's token."""
        user = super().get_user(handler)
        if user is None:
            return None
        name, _, groups = user.username.partition("@")
        member = Member(username=name)
        member.groups = tuple(filter(None, groups.split(",")))
        return member


class Reading(Authorizer):
    """Lets all users read, and no more."""

    def is_authorized(self, handler: Any, user: User, action: str, resource: str) -> bool:
        """Whether it is to read."""
        return action == "read"


def nothing(_path: str) -> bool:
    """What is hidden from a single user, as `files.paths.Hides`."""
    return False
