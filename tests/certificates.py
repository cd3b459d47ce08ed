"""Certificates that no program trusts before it is told to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import trustme


def write_certificate(folder: Path, *names: str, **issued: Any) -> list[str]:
    """Write ``key.pem``, ``cert.pem`` and the authority's ``ca.pem``; a server's options.

    ``names`` are hosts, localhost if there are none; ``issued`` is as for trustme.
    """
    authority = trustme.CA()
    certificate = authority.issue_cert(*(names or ("localhost",)), **issued)
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    return [f"--ServerApp.{kind}file={folder}/{kind}.pem" for kind in ("cert", "key")]
