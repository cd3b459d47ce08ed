"""Real reverse proxies in front of a server, ended by their pid."""

from __future__ import annotations

import getpass
import http.client
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.servers import JupyterServer
from tests.snippets import block_of

SERVER, BOUND = "127.0.0.1:8888", "127.0.0.1:8080"

NGINX = """
daemon off;
user {user};
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/temp;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        {part}
    }}
}}
"""

APACHE = """
ServerRoot {folder}
ServerName localhost
PidFile {folder}/apache.pid
Mutex posixsem
ErrorLog {folder}/error.log
Listen 127.0.0.1:{port}
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
LoadModule proxy_wstunnel_module /usr/lib/apache2/modules/mod_proxy_wstunnel.so
LoadModule headers_module /usr/lib/apache2/modules/mod_headers.so
LoadModule buffer_module /usr/lib/apache2/modules/mod_buffer.so
{part}
"""

CADDY = """
{{
    admin off
    auto_https off
    storage file_system {folder}/storage
}}
http://127.0.0.1:{port} {{
    {part}
}}
"""

HAPROXY = "global\n    maxconn 100\n{part}\n"

WHOLE = {
    "nginx": (NGINX, ["nginx", "-e", "stderr", "-c"]),
    "apache": (APACHE, ["apache2", "-D", "FOREGROUND", "-f"]),
    "caddy": (CADDY, ["caddy", "run", "--adapter", "caddyfile", "--config"]),
    "haproxy": (HAPROXY, ["haproxy", "-db", "-f"]),
}
PAGE = {
    "nginx": block_of("proxies", "location /jupyter/ {").text,
    "haproxy": block_of("proxies", "frontend web").text,
    "apache": block_of("proxies", "ProxyPass ").text,
    "caddy": block_of("proxies", "handle /jupyter/*").text,
}
"""What the page has for each."""
PACKAGES = {"nginx": "nginx-light", "apache": "apache2-bin"}


@contextmanager
def proxied(kind: str, part: str, server: JupyterServer, folder: Path) -> Iterator[str]:
    """Run a proxy with this part of its configuration, and give the URL of MCP through it."""
    text, command = WHOLE[kind]
    program = shutil.which(command[0], path="/usr/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        pytest.fail(f"These tests need {kind}: apt-get install {PACKAGES.get(kind, kind)}")
    folder.mkdir()
    folder.chmod(0o777)  # nginx has another account for its workers
    port = free_port()
    part = part.replace(SERVER, f"127.0.0.1:{server.port}").replace(BOUND, f"127.0.0.1:{port}")
    config = folder / "proxy.conf"
    config.write_text(text.format(user=getpass.getuser(), folder=folder, port=port, part=part))
    process = subprocess.Popen(
        [program, *command[1:], str(config)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={"HOME": str(folder), "PATH": "/usr/sbin:/usr/bin:/bin"},
        text=True,
    )
    with process:
        try:
            _until_answered(process, port)
            yield f"http://127.0.0.1:{port}{server.base_url}mcp"
        finally:
            process.terminate()


def _until_answered(process: subprocess.Popen[str], port: int) -> None:
    """Ask until the proxy answers: it says nothing when it listens."""
    while process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request("HEAD", "/")
            connection.getresponse().read()
        except ConnectionError:
            continue
        finally:
            connection.close()
        return
    assert process.stderr is not None
    message = f"The proxy did not start:\n{process.stderr.read()}"
    raise RuntimeError(message)
