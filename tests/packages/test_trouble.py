from __future__ import annotations

import pytest

from jupyter_mcp_ext.packages.trouble import Trouble, trouble, unfetched

UV = (
    "error: Request failed after 3 retries in 8.3s\n  cause: Failed to fetch: https://i/simple/six/"
)
NO_PAGE = "ERROR: Could not find a version that satisfies the requirement six (from versions: none)"


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (f"{UV}\n  cause: invalid peer certificate: UnknownIssuer", "certificate"),
        (f"{UV}\n  Caused by: tcp connect error: Connection refused (os error 111)", "network"),
        (f"{UV}\n  cause: dns error: failed to lookup address information", "network"),
        (f"{UV}\n  cause: HTTP status server error (503 Service Unavailable)", "network"),
        (
            "hint: An index could not be queried: lack of valid credentials (401 Unauthorized)",
            "login",
        ),
        (
            f"WARNING: Retrying (total=0) after connection broken by 'NewConnection'\n{NO_PAGE}",
            "network",
        ),
        (f"{NO_PAGE}\nCould not fetch URL https://i/six/: 403 Client Error: Forbidden", "login"),
        (
            f"{NO_PAGE}\nCould not fetch URL https://i/six/: a problem confirming the ssl "
            "certificate: CERTIFICATE_VERIFY_FAILED",
            "certificate",
        ),
        (NO_PAGE, "requirements"),
        (
            "WARNING: Retrying (Retry(total=4)) after connection broken by 'ReadTimeoutError'\n"
            "ERROR: Could not find a version that satisfies six==99 (from versions: 1.16, 1.17)",
            "requirements",
        ),
        (
            "error: No solution found when resolving dependencies\n  cause: Because there is no "
            "version of six==99 and you require six==99, they are unsatisfiable.",
            "requirements",
        ),
        ("  building\n  test_client: connection refused\nerror: build failed", "requirements"),
        ("", "requirements"),
    ],
)
def test_the_kind_of_trouble_is_read_from_what_installers_say(said: str, kind: Trouble) -> None:
    assert trouble(said.split("\n")) == kind


def test_pips_log_tells_the_pages_that_it_could_not_get() -> None:
    log = [
        "2026-11-25T18:39:47,433 Looking in indexes: https://i/simple\n",
        "2026-11-25T18:39:54,961 Could not fetch URL https://i/six/: too many 503 - skipping\n",
    ]

    assert unfetched(log) == ["Could not fetch URL https://i/six/: too many 503 - skipping"]
