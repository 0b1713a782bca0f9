"""A certificate for one run: its key never leaves the run's folder."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from .processes import Failure


@dataclass(frozen=True)
class Certificate:
    certificate: Path
    key: Path


def make_certificate(folder: Path) -> Certificate:
    """For 127.0.0.1 and a day, with a P-256 key: what most servers have today."""
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    command = [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
        "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-out", made.certificate, "-keyout", made.key,
    ]  # fmt: skip
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        raise Failure("openssl makes no certificate")
    made.key.chmod(0o600)
    return made
