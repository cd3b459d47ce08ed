"""An identity provider of many people, as a hub has one, for tests of what is whose."""

from __future__ import annotations

from jupyter_server.auth.identity import IdentityProvider, User
from tornado.web import RequestHandler

OPTION = "--ServerApp.identity_provider_class=tests.users.NamedUsers"


class NamedUsers(IdentityProvider):
    """Takes a token for the name of its owner."""

    def get_user(self, handler: RequestHandler) -> User | None:
        """The owner of the request's token."""
        token = handler.request.headers.get("Authorization", "").removeprefix("Bearer ")
        return User(username=token) if token else None

    def is_token_authenticated(self, handler: RequestHandler) -> bool:
        """Nobody has a cookie."""
        return True


def nothing(_path: str) -> bool:
    """What is hidden from somebody who is alone: for `files.paths.Hides`."""
    return False
