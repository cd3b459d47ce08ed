"""The server's credentials in its environment, which code of agents does not get.

A variable is one by its name, as the programs that read it have it, or by its value: a URL with a
password, or a private key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import translate

NAMES = (
    *("*_TOKEN", "*_TOKENS", "*_TOKEN_FILE", "*_TOKEN_PATH", "TOKEN"),
    *("*_SECRET*", "SECRET", "SECRET_*", "*_PASSWORD*", "PASSWORD", "*PASSWD", "*PASSPHRASE*"),
    *("*_API_KEY*", "API_KEY*", "*APIKEY", "*_ACCESS_KEY*", "*_PRIVATE_KEY*", "PRIVATE_KEY*"),
    *("*_ACCOUNT_KEY", "*_CREDENTIALS*", "CREDENTIALS", "*_CREDS", "*_CONNECTION_STRING", "*_PAT"),
    *("*_SAS", "*_SAS_URL", "*_WEBHOOK_URL", "*_SERVICE_ACCOUNT", "*_SERVICE_ACCOUNT_KEY*"),
    # Jupyter and JupyterHub
    *("JUPYTER_TOKEN*", "JUPYTERHUB_*", "JPY_API_TOKEN", "JPY_COOKIE_SECRET", "CONFIGPROXY_*"),
    # Amazon: roles of containers, of Lambda functions and of pods
    *("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"),
    *("AWS_SECURITY_TOKEN", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_CONTAINER_*"),
    *("AWS_EXECUTION_ENV", "AWS_LAMBDA_*", "ECS_CONTAINER_METADATA_URI*", "_X_AMZN_*", "_HANDLER"),
    "LAMBDA_*",
    # Azure and Google
    *("AZURE_CLIENT_*", "AZURE_TENANT_ID", "AZURE_USERNAME", "IDENTITY_ENDPOINT"),
    *("IDENTITY_HEADER", "MSI_*", "ARM_CLIENT_*", "GOOGLE_APPLICATION_*", "GCE_METADATA_*"),
    *("CLOUDSDK_AUTH_*", "CLOUDSDK_CONFIG", "BOTO_CONFIG"),
    # programs whose names for them are their own
    *("KUBECONFIG", "SSH_AUTH_SOCK", "GPG_AGENT_INFO", "KRB5CCNAME", "KRB5_KTNAME", "NETRC"),
    *("PGPASSWORD", "PGPASSFILE", "PGSERVICEFILE", "MYSQL_PWD", "REDISCLI_AUTH"),
    *("DOCKER_AUTH_CONFIG", "DOCKER_CONFIG", "GIT_ASKPASS", "SSH_ASKPASS", "*_AUTHORIZATION"),
    *("NPM_CONFIG__AUTH*", "NPM_CONFIG_//*", "TWINE_USERNAME", "ANSIBLE_VAULT_*", "SENTRY_DSN"),
)
"""Patterns of names, in capitals; names are compared without regard to case."""

WAYS = ("*_PROXY", "PIP_*", "UV_*")
"""Variables that say how the network or an index of packages is reached: installers need them,
also with a password in their address."""

VALUE = re.compile(r"://[^/\s:@]*:[^/\s@]+@|-----BEGIN [A-Z ]*PRIVATE KEY-----")
"""A URL with a password (RFC 3986, 3.2.1), or a private key (RFC 7468)."""

LONGEST = 65_536
"""Characters of a value that are looked at."""


class Credentials:
    """Which variables of an environment are credentials.

    ``also`` are patterns of names that are hidden too, ``shown`` of those that are not; both as
    a shell has them, and ``shown`` is the stronger.
    """

    def __init__(self, also: Iterable[str] = (), shown: Iterable[str] = ()) -> None:
        self._hidden = _any_of((*NAMES, *also))
        self._shown = _any_of(shown)

    def hides(self, name: str, value: str) -> bool:
        """Whether a variable is left out."""
        upper = name.upper()
        if self._shown.fullmatch(upper):
            return False
        if self._hidden.fullmatch(upper):
            return True
        return not _WAYS.fullmatch(upper) and VALUE.search(value[:LONGEST]) is not None

    def removed_from(self, env: Mapping[str, str]) -> dict[str, str]:
        """An environment without them."""
        return {name: value for name, value in env.items() if not self.hides(name, value)}


def _any_of(patterns: Iterable[str]) -> re.Pattern[str]:
    """Matches a name in capitals that one of the patterns fits; without patterns nothing."""
    return re.compile("|".join(translate(pattern.upper()) for pattern in patterns) or r"(?!)")


_WAYS = _any_of(WAYS)
