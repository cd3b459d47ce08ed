"""Which proxy is on the way, and which of its settings is behind a trouble."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from jupyter_mcp_ext.clients.asking import Reply

Trouble: TypeAlias = Literal[
    "header", "answer_header", "buffering", "cut", "body", "method", "abort"
]
"""A header that does not reach the server; one of its answer that does not come back; answers that
are held back; connections that are cut; bodies that are refused; a method that is refused; ends of
connections that the server does not see."""

PAGE = "docs/proxies.md"

_KNOWN = ("nginx", "caddy", "apache", "traefik", "haproxy", "varnish", "cloudflare", "squid")

SETTINGS: Mapping[Trouble, Mapping[str, str]] = {
    "header": {
        "nginx": "`proxy_set_header {0} ${1};`, and no other `proxy_set_header {0}`",
        "Apache": "no `RequestHeader unset {0}`",
        "Caddy": "no `header_up -{0}`",
        "HAProxy": "no `http-request del-header {0}`",
        "Traefik": "no `customRequestHeaders` for {0}",
    },
    "answer_header": {
        "nginx": "no `proxy_hide_header {0};`",
        "Apache": "no `Header unset {0}`",
        "Caddy": "no `header_down -{0}`",
        "HAProxy": "no `http-response del-header {0}`",
        "Traefik": "no `customResponseHeaders` for {0}",
    },
    "buffering": {
        "nginx": "`proxy_buffering off;`",
        "Apache": "`ProxyPass … flushpackets=on`, and no `BUFFER` among the output filters",
        "Caddy": "no `response_buffers` or `buffer_responses` in `reverse_proxy`",
        "HAProxy": "no compression for text/event-stream",
        "Traefik": "no middleware `buffering`",
    },
    "cut": {
        "nginx": "`proxy_read_timeout 1h;`",
        "Apache": "`ProxyPass … timeout=3600`",
        "Caddy": "no `read_timeout` in `transport http`, no `timeouts` in `servers`",
        "HAProxy": "`timeout server 1h` and `timeout client 1h`",
        "Traefik": "`respondingTimeouts.readTimeout: 0` and `writeTimeout: 0` of the entry point",
    },
    "body": {
        "nginx": "`client_max_body_size 5m;`",
        "Apache": "`LimitRequestBody 5242880`",
        "Caddy": "`request_body {{ max_size 5MB }}`",
        "HAProxy": "no `http-request deny` on `req.body_size` below 5 MB",
        "Traefik": "`maxRequestBodyBytes: 5000000` in the middleware `buffering`",
    },
    "abort": {
        "nginx": "no `proxy_ignore_client_abort on;`",
        "Apache": "no setting: it notices some messages of the server later",
        "Caddy": "no `flush_interval`, with which some versions keep such requests",
        "HAProxy": "`option abortonclose`",
        "Traefik": "no middleware that keeps requests",
    },
    "method": {
        "nginx": "no `limit_except` without GET, POST and DELETE",
        "Apache": "no `<LimitExcept>` or `AllowMethods` without GET, POST and DELETE",
        "Caddy": "no `method` matcher without GET, POST and DELETE",
        "HAProxy": "no `http-request deny` on `method` GET, POST or DELETE",
        "Traefik": "no router rule with `Method` without GET, POST and DELETE",
    },
}


def shown_by(reply: Reply) -> str:
    """The proxy that an answer shows, in lower case; empty if it shows none."""
    for name in ("via", "server"):
        value = reply.headers.get(name, "").lower()
        for known in _KNOWN:
            if known in value:
                return known
    return ""


def advice(trouble: Trouble, proxy: str, header: str = "") -> str:
    """What to set in the proxy; in all that are common if it is not known which one it is."""
    settings = SETTINGS[trouble]
    variable = "http_" + header.lower().replace("-", "_")
    texts = {name: text.format(header, variable) for name, text in settings.items()}
    for name, text in texts.items():
        if name.lower() == proxy:
            return f"Set in {name}: {text} ({PAGE})."
    listed = "; ".join(f"{name}: {text}" for name, text in texts.items())
    return f"Set in the proxy ({PAGE}): {listed}."
