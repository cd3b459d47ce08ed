"""A JupyterHub in its own process with its proxy; its users' servers end with it."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from tests.npm import binaries
from tests.ports import free_port
from tests.servers import Answer, JupyterServer, environment

PROXY = "configurable-http-proxy"
READY = "JupyterHub is now running at"
START_SECONDS = 60

BASE = """
import sys

from tests.ports import free_port

c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_port = {hub_port}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_port}"
c.ConfigurableHTTPProxy.command = [{proxy!r}]
c.JupyterHub.db_url = "sqlite://"
c.JupyterHub.cookie_secret_file = {folder!r} + "/cookie_secret"
c.ConfigurableHTTPProxy.pid_file = {folder!r} + "/proxy.pid"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allowed_users = {{"alice", "bob"}}
c.Authenticator.admin_users = {{"root"}}
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = {folder!r} + "/{{username}}"
c.Spawner.cmd = [sys.executable, "-m", "jupyterhub.singleuser"]
c.Spawner.args = ["--allow-root", "--ServerApp.jpserver_extensions=jupyter_mcp_ext=True"]
c.Spawner.env_keep.append("PYTHONPATH")
# The Hub's own choice can be taken by another process before the user's server listens.
c.Spawner.pre_spawn_hook = lambda spawner: setattr(spawner, "port", free_port())
c.JupyterHub.services = [{{"name": "tests", "api_token": {token!r}}}]
c.JupyterHub.load_roles = [{{
    "name": "tests",
    "scopes": ["admin:users", "admin:servers", "tokens", "access:servers"],
    "services": ["tests"],
}}]
"""


@dataclass(kw_only=True)
class Hub:
    """A running Hub."""

    process: subprocess.Popen[str]
    port: int
    token: str
    """Of a service that may do everything for users."""
    folder: Path
    log: list[str] = field(default_factory=list)

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make a request through the proxy."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Answer(status=response.status, headers=names, body=response.read())
        finally:
            connection.close()

    def api(self, method: str, path: str, model: object = None) -> Answer:
        """Ask the Hub's API."""
        headers = {"Authorization": f"token {self.token}", "Content-Type": "application/json"}
        body = None if model is None else json.dumps(model).encode()
        return self.request(method, f"/hub/api{path}", body, headers)

    def token_for(self, user: str, *scopes: str) -> str:
        """A token of a user, as they make it on the Hub's page."""
        model = {"note": "an agent", "scopes": list(scopes)}
        made = self.api("POST", f"/users/{user}/tokens", model)
        assert made.status == 201, made.body
        return str(made.json()["token"])

    def start(self, user: str) -> JupyterServer:
        """Start a user's server; it answers to the token that the user has for it alone."""
        name = quote(user)
        self.api("POST", f"/users/{name}")
        started = self.api("POST", f"/users/{name}/server")
        assert started.status in (201, 202), started.body
        if started.status == 202:
            # Events until it is ready, or has failed; then the answer ends.
            told = self.api("GET", f"/users/{name}/server/progress").body.decode()
            assert '"ready": true' in told, told
        return JupyterServer(
            process=self.process,
            port=self.port,
            token=self.token_for(name, f"access:servers!user={user}"),
            base_url=f"/user/{name}/",
            root_dir=self.folder / user,
            log=self.log,
        )


@contextmanager
def running_hub(
    folder: Path, config: str = "", *, env: Mapping[str, str] | None = None
) -> Iterator[Hub]:
    """Run a Hub until the block is left; ``config`` is added to its configuration."""
    token, secret = secrets.token_hex(16), secrets.token_hex(16)
    port = free_port()
    found, search = binaries(Path(__file__).parent, PROXY)
    path = folder / "jupyterhub_config.py"
    base = BASE.format(
        port=port,
        hub_port=free_port(),
        proxy_port=free_port(),
        proxy=str(found / PROXY),
        folder=str(folder),
        token=token,
    )
    path.write_text(base + config)
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyterhub", f"--config={path}"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=environment(folder, {"CONFIGPROXY_AUTH_TOKEN": secret, "PATH": search, **(env or {})}),
        cwd=folder,
    )
    hub = Hub(process=process, port=port, token=token, folder=folder)
    ready = threading.Event()
    reader = threading.Thread(target=_read, args=(hub, ready), daemon=True)
    reader.start()
    try:
        assert ready.wait(START_SECONDS), "".join(hub.log)
        assert any(READY in line for line in hub.log), "".join(hub.log)
        yield hub
    finally:
        proxy = folder / "proxy.pid"
        group = int(proxy.read_text()) if proxy.exists() else None
        process.terminate()  # it stops its users' servers and its proxy
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if group is not None:  # of the proxy it ends the program that has started Node.js alone
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        reader.join(5)


def _read(hub: Hub, ready: threading.Event) -> None:
    for line in hub.process.stderr or ():
        hub.log.append(line)
        if READY in line:
            ready.set()
    ready.set()
