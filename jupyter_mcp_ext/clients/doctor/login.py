"""Which login there is, and whether the token of the client is taken."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx2

from jupyter_mcp_ext.clients.asking import Reply
from jupyter_mcp_ext.clients.servers import TOKEN_VARIABLE
from jupyter_mcp_ext.wording import ago

from .account import other_account
from .case import Case
from .finding import Finding, fault, ok, warning
from .proxies import advice
from .wire import Wire, error_of, modern

SKEW = 120.0
"""Seconds by which clocks may differ: tokens and certificates expire by the clock."""

ONLY_PASSWORD = ("Basic",)
"""The ways to log in at a server that has no token."""

_NOT_SENT = "Authentication is required"
"""What the server says if no credentials have arrived; it says something else of wrong ones."""


async def look_at_login(case: Case) -> Sequence[Finding]:
    """Which login the server asks for."""
    message, headers = modern("server/discover")
    reply = await case.wire.post(message, headers, with_token=False)
    skewed = _skewed(reply)
    if _is_served(reply):
        case.is_open = case.is_let_in = True
        return [
            *skewed,
            warning(
                "Authentication is switched off: any program that reaches this address can run "
                "code as the account of the server.",
                "Start the server without an empty IdentityProvider.token, as `jupyter mcp` does.",
            ),
        ]
    if reply.status == 401:
        case.ways = ways(reply)
        return [*skewed, _asked(case, reply)]
    return [*skewed, _refused(case, reply)]


def ways(reply: Reply) -> tuple[str, ...]:
    """Ways to log in that a refusal names; a server that has no token challenges with it too."""
    challenges = reply.headers.get_list("www-authenticate")
    named = (challenge.partition(" ")[0] for challenge in challenges)
    has_token = "Bearer <token>" in error_of(reply)
    return tuple(way for way in named if way != "Bearer" or has_token)


async def wants_password(wire: Wire) -> bool:
    """Whether the server has a password and no token."""
    message, headers = modern("server/discover")
    try:
        return ways(await wire.post(message, headers, with_token=False)) == ONLY_PASSWORD
    except httpx2.HTTPError:
        return False


def _is_served(reply: Reply) -> bool:
    """Whether the login is passed, though something else may be wrong with the request.

    The protocol's SDK, which comes after it, refuses with these two statuses.
    """
    return reply.status in (200, 406) or (reply.status == 400 and bool(error_of(reply)))


def _asked(case: Case, reply: Reply) -> Finding:
    if not error_of(reply):
        return fault(
            "A proxy asks for a login of its own before Jupyter's.",
            "Have the proxy leave the path of MCP to Jupyter's login, whose token clients send.",
        )
    if case.ways == ONLY_PASSWORD:
        return ok("The server asks for its password.")
    password = " or its password" if "Basic" in case.ways else ""
    return ok(f"The server asks for its token{password}.")


def _refused(case: Case, reply: Reply) -> Finding:
    words = error_of(reply)
    if "for the name" in words:
        return fault(
            words,
            "Set ServerApp.local_hostnames or ServerApp.allow_remote_access, or have the proxy "
            "send the Host that the server expects.",
        )
    by = f"JupyterHub {case.hub}" if case.hub else "the server or a proxy"
    detail = f": {words}" if words else ""
    return fault(
        f"A request without a token is answered with {reply.status} by {by}{detail}.",
        "Have proxies pass POST requests for the path of MCP on as they are.",
    )


def _skewed(reply: Reply) -> list[Finding]:
    try:
        theirs = parsedate_to_datetime(reply.headers.get("date", "")).timestamp()
    except (ValueError, OverflowError):
        return []
    difference = theirs - time.time()
    if abs(difference) <= SKEW:
        return []
    which = "ahead of" if difference > 0 else "behind"
    what = (
        f"The clock of the server is {ago(abs(difference)).removesuffix(' ago')} {which} this one."
    )
    return [
        warning(
            what,
            "Set the one that is wrong: certificates, and tokens of a Hub, that have expired or "
            "are not valid yet go by the clock, and times in results are the server's.",
        )
    ]


async def look_at_token(case: Case) -> Sequence[Finding]:
    """Whether the server takes the token."""
    if case.is_open:
        return [ok("No token is needed.")]
    if not case.wire.credentials:
        return [_without(case)]
    message, headers = modern("server/discover")
    reply = await case.wire.post(message, headers)
    if not case.server.token:
        return list(_by_password(case, reply))
    if _is_served(reply):
        case.is_let_in = True
        source = "in its runtime file" if _is_of_file(case) else f"in {TOKEN_VARIABLE}"
        return [ok(f"The server takes the token {source}.")]
    if reply.status == 401 and error_of(reply).startswith(_NOT_SENT):
        what = "The header Authorization is lost on the way: the server sees no credentials."
        return [fault(what, advice("header", case.proxy, "Authorization"))]
    return [await _of_hub(case, reply) if case.hub else _wrong(case, reply)]


def _is_of_file(case: Case) -> bool:
    """Whether the token is that of Jupyter's file about the server."""
    return bool(case.server.pid) and not case.server.has_given_token


BESIDE = (
    f"Start the server with a token beside its password, as in `{TOKEN_VARIABLE}=… jupyter lab` or "
    "by IdentityProvider.token in its configuration; then `jupyter mcp connect` works. Or have a "
    "client send `Authorization: Basic <base64 of any-name:password>`."
)
"""What to do where a server has only a password."""


def _by_password(case: Case, reply: Reply) -> Iterator[Finding]:
    """Whether the server takes the password that a person has typed."""
    if _is_served(reply):
        case.is_let_in = True
        yield ok("The server takes the password.")
        if case.server.pid:
            what = "The server has a password and no token, with which clients are connected."
            yield warning(what, BESIDE)
    elif reply.status == 429:
        yield fault(f"The server takes no password now: {error_of(reply)}", "Wait, and try again.")
    else:
        yield fault("The server does not take this password.", "Try again with the right one.")


def _without(case: Case) -> Finding:
    if case.ways == ONLY_PASSWORD:
        return warning(
            "The server has a password and no token, so nothing behind the login is looked at.",
            f"{BESIDE} In a terminal this command asks for the password.",
        )
    if not case.server.pid and (account := other_account(case.server)):
        return fault(
            f"The server is of the account {account}, whose token cannot be found here.",
            f"Ask for its token, which `jupyter server list` shows to {account}, and put it into "
            f"{TOKEN_VARIABLE}; or start a server of your own with `jupyter mcp`.",
        )
    if case.server.pid:
        return fault(
            "The server has a login of its own (an identity provider), and no token is known.",
            f"Put a token for it into {TOKEN_VARIABLE}, and name the server by its URL.",
        )
    return fault(
        f"No token is known: {TOKEN_VARIABLE} is not set.",
        f"export {TOKEN_VARIABLE}=… with the token of the server (under JupyterHub, one from the "
        "page Token).",
    )


def _wrong(case: Case, reply: Reply) -> Finding:
    if reply.status not in (401, 403):
        detail = error_of(reply) or "no reason"
        return fault(f"With the token, the answer is {reply.status} ({detail}).", "See the log.")
    if case.ways == ONLY_PASSWORD:
        what = f"The server has a password and no token, so {TOKEN_VARIABLE} is of no use there."
        return fault(what, BESIDE)
    if _is_of_file(case):
        return fault(
            "The server does not take the token of its own file: it has another login (an "
            "identity provider), or another server has taken its port.",
            f"Put a token for its login into {TOKEN_VARIABLE}, and name the server by its URL.",
        )
    return fault(
        f"The token in {TOKEN_VARIABLE} is wrong: it is another server's, or the server has made a "
        "new one since.",
        "`jupyter server list` on the server's machine shows the right one; `jupyter mcp` keeps "
        "its token over restarts.",
    )


async def _of_hub(case: Case, reply: Reply) -> Finding:
    """Why a server of JupyterHub does not take a token."""
    parts = urlsplit(case.server.url)
    before, _, after = parts.path.partition("/user/")
    owner = after.partition("/")[0]
    whose = await case.wire.ask("GET", f"{parts.scheme}://{parts.netloc}{before}/hub/api/user")
    user = whose.json()
    if whose.status != 200 or not isinstance(user, dict):
        return fault(
            "JupyterHub does not know this token: it is wrong, has expired or was revoked.",
            f"Request a new one on the Hub's page Token, and put it into {TOKEN_VARIABLE}.",
        )
    name, scopes = user.get("name"), user.get("scopes")
    listed = ", ".join(map(str, scopes)) if scopes and isinstance(scopes, list) else "none"
    return fault(
        f"The token is {name}'s and may not use the server of {owner} ({reply.status}); its "
        f"scopes: {listed}.",
        f"Make one with the scope access:servers!user={owner}.",
    )
