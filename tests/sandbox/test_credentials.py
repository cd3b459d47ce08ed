"""Which variables of the server's environment its credentials are."""

from __future__ import annotations

import pytest

from jupyter_mcp_ext.sandbox.credentials import Credentials

AMAZON = (
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"),
    *("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
    *("AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"),
    *("AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_FUNCTION_NAME", "_X_AMZN_TRACE_ID", "_HANDLER"),
    *("AWS_SHARED_CREDENTIALS_FILE", "AWS_PROFILE", "LAMBDA_TASK_ROOT"),
)
OTHERS = (
    *("AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE", "IDENTITY_HEADER", "MSI_SECRET"),
    *("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_API_KEY", "CLOUDSDK_AUTH_ACCESS_TOKEN"),
    *("JUPYTER_TOKEN", "JUPYTERHUB_API_TOKEN", "JUPYTERHUB_USER", "JPY_API_TOKEN"),
    *("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "HF_TOKEN", "GITHUB_TOKEN", "github_token", "GH_PAT"),
    *("DB_PASSWORD", "DB_PASSWORD_FILE", "PGPASSWORD", "MYSQL_PWD", "DJANGO_SECRET_KEY", "SECRET"),
    *("AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_ACCOUNT_KEY", "SSH_AUTH_SOCK"),
    *("KUBECONFIG", "NPM_CONFIG__AUTHTOKEN", "SLACK_WEBHOOK_URL", "DEPLOY_PRIVATE_KEY"),
)
NONE = (
    *("PATH", "HOME", "PWD", "OLDPWD", "LANG", "TZ", "TMPDIR", "VIRTUAL_ENV", "CONDA_PREFIX"),
    *("PYTHONPATH", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "AWS_REGION"),
    *("TOKENIZERS_PARALLELISM", "MAX_TOKENS_PER_CALL", "KEYBOARD", "AUTHOR", "MONKEY", "COMPASS"),
    *("JUPYTER_PATH", "JUPYTER_CONFIG_DIR", "JPY_SESSION_NAME", "PIP_CERT", "SPARK_HOME", "R_HOME"),
)


@pytest.mark.parametrize("name", [*AMAZON, *OTHERS])
def test_a_credential_is_hidden_by_its_name(name: str) -> None:
    assert Credentials().removed_from({name: "x", "PATH": "/bin"}) == {"PATH": "/bin"}


@pytest.mark.parametrize("name", NONE)
def test_a_variable_that_is_none_is_kept(name: str) -> None:
    assert Credentials().removed_from({name: "/x"}) == {name: "/x"}


@pytest.mark.parametrize(
    ("value", "hidden"),
    [
        ("postgres://app:s3cret@db.example/main", True),
        ("redis://:s3cret@cache:6379/0", True),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE", True),
        ("https://example.org/a:b@c", False),
        ("https://user@example.org", False),
        ("x" * 1_000_000, False),
    ],
)
def test_a_credential_is_hidden_by_its_value(value: str, hidden: bool) -> None:
    assert Credentials().hides("DATABASE", value) is hidden


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "PIP_INDEX_URL", "UV_INDEX"])
def test_how_the_network_is_reached_is_kept_with_its_password(name: str) -> None:
    assert not Credentials().hides(name, "http://user:password@proxy.example:3128")


def test_the_operator_adds_names_and_exempts_others() -> None:
    credentials = Credentials(also=["LICENCE", "Acme_*"], shown=["hf_*", "ACME_HOME"])

    env = {"licence": "1", "ACME_ID": "2", "ACME_HOME": "/acme", "HF_TOKEN": "3", "GH_TOKEN": "4"}
    assert credentials.removed_from(env) == {"ACME_HOME": "/acme", "HF_TOKEN": "3"}
