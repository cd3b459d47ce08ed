"""Which handler answers a URL of Jupyter's web application: another extension may claim it."""

from __future__ import annotations

from collections.abc import Iterator

from jupyter_server.base.handlers import Template404, TrailingSlashHandler
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine
from tornado.routing import Router, RuleRouter
from tornado.web import Application

# Jupyter's handlers for paths that no other handler answers.
_NOBODY = (Template404, TrailingSlashHandler)


def claims(web_app: Application, path: str) -> list[object]:
    """The handlers that match ``path``, in the order in which they are asked; the first wins."""
    request = HTTPServerRequest(
        headers=HTTPHeaders({"Host": "localhost"}),
        start_line=RequestStartLine("POST", path, "HTTP/1.1"),
    )
    return [target for target in _targets(web_app.default_router, request) if target not in _NOBODY]


def describe(target: object) -> str:
    """Name a handler in a log."""
    return f"{getattr(target, '__module__', '')}.{getattr(target, '__qualname__', repr(target))}"


def _targets(router: Router, request: HTTPServerRequest) -> Iterator[object]:
    if not isinstance(router, RuleRouter):
        yield router
        return
    for rule in router.rules:
        if rule.matcher.match(request) is None:
            continue
        if isinstance(rule.target, Router):
            yield from _targets(rule.target, request)
        else:
            yield rule.target
