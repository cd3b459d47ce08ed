"""What can be wrong on the client's side: packages, proxies of the environment, its token."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, requires, version
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # not in typeshed

from packaging.requirements import Requirement

from jupyter_mcp_ext.clients.servers import TOKEN_VARIABLE

from .case import Case
from .finding import Finding, fault, ok, warning

DISTRIBUTION = "jupyter-mcp-ext"


async def look_at_packages(case: Case) -> Sequence[Finding]:
    """Whether the packages of this environment are those that are needed."""
    del case
    wrong = list(_unfit(requires(DISTRIBUTION) or ()))
    if wrong:
        wanted = " ".join(f'"{requirement}"' for requirement, _ in wrong)
        what = "; ".join(f"{need} is needed, and {there} is installed" for need, there in wrong)
        return [fault(f"In this environment {what}.", f"pip install --upgrade {wanted}")]
    return [ok(f"{DISTRIBUTION} {version(DISTRIBUTION)}, and all that it needs.")]


def _unfit(required: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Requirements that are not met, with the version that is there."""
    for text in required:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            there = version(requirement.name)
        except PackageNotFoundError:
            yield str(requirement), "none"
            continue
        if not requirement.specifier.contains(there, prereleases=True):
            yield f"{requirement.name}{requirement.specifier}", there


async def look_at_variables(case: Case) -> Sequence[Finding]:
    """Whether variables of this environment keep clients from the server."""
    found = [*_caught(case), *_other_token(case)]
    return found or [ok("No variable of this environment stands in the way.")]


def _caught(case: Case) -> Iterator[Finding]:
    """Proxies of the environment that get what is for this machine, the token too."""
    parts = urlsplit(case.server.url)
    if case.server.socket or not case.server.is_local:
        return
    if proxy := proxy_for(parts.scheme, parts.netloc, case.environ):
        host = parts.hostname
        yield warning(
            f"{parts.scheme.upper()}_PROXY sends requests for {host}, and the token with them, to "
            f"{proxy}, where most clients do not find this server.",
            f"export NO_PROXY=localhost,127.0.0.1,::1 no_proxy=localhost,127.0.0.1,::1 in the "
            f"environment of clients, with {host} among them.",
        )


def proxy_for(scheme: str, netloc: str, environ: Mapping[str, str]) -> str:
    """The proxy that an environment names for an address, without a login; empty for none."""
    names = {
        name.lower().removesuffix("_proxy"): value
        for name, value in environ.items()
        if name.lower().endswith("_proxy") and value
    }
    proxy = names.get(scheme) or names.get("all", "")
    if not proxy or proxy_bypass_environment(netloc, names):
        return ""
    parts = urlsplit(proxy if "://" in proxy else f"//{proxy}")
    return parts.netloc.rpartition("@")[2]


def _other_token(case: Case) -> Iterator[Finding]:
    """A token for clients that is not the server's."""
    named = case.environ.get(TOKEN_VARIABLE, "")
    if named and case.server.pid and case.server.token and named != case.server.token:
        yield warning(
            f"{TOKEN_VARIABLE} in this environment is not the token of this server: clients that "
            "read it are refused.",
            f"Set {TOKEN_VARIABLE} to the server's token, which `jupyter server list` shows, where "
            "clients are started. It changes if the server makes a new one at each start.",
        )
