"""An authority that exists for one test run, and the certificates that it signs, by the openssl command."""

import atexit
import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


@functools.cache
def authority() -> Path:
    """Return a directory with `authority.pem` and what it signed: `localhost.pem` and `expired.pem`."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command, to make certificates")
    directory = Path(tempfile.mkdtemp(prefix="pm_data_ca_"))
    atexit.register(shutil.rmtree, directory)
    _openssl(
        directory,
        *("req", "-x509", *_KEY, "-keyout", "authority.key", "-out", "authority.pem", "-days", "2"),
        *("-subj", "/CN=pm_data test authority", "-addext", "keyUsage=critical,keyCertSign"),
    )
    _sign(directory, "localhost", "-days", "2")
    # Its last second is its first.
    _sign(directory, "expired", "-days", "0")
    return directory


def _sign(directory: Path, name: str, *validity: str) -> None:
    (directory / "extensions").write_text(
        "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\nauthorityKeyIdentifier=keyid\n"
    )
    request = ["req", *_KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", "/CN=localhost"]
    _openssl(directory, *request)
    _openssl(
        directory,
        *("x509", "-req", "-in", f"{name}.csr", "-CA", "authority.pem", "-CAkey", "authority.key"),
        *("-CAcreateserial", "-extfile", "extensions", "-out", f"{name}.crt", *validity),
    )
    whole = (directory / f"{name}.key").read_bytes() + (directory / f"{name}.crt").read_bytes()
    (directory / f"{name}.pem").write_bytes(whole)


def _openssl(directory: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)
