"""The digest of the Cython sources, by which a stale build is noticed. setup.py runs this file too."""

import hashlib
from pathlib import Path


def cython_sources(directory: Path) -> list[Path]:
    """Return the Cython files of a directory in order of their names; a wheel has none."""
    return sorted(path for path in directory.iterdir() if path.suffix in (".pyx", ".pxd", ".pxi"))


def source_digest(directory: Path) -> str | None:
    """Return the digest of the Cython files in a directory, None where there are none."""
    sources = cython_sources(directory)
    if not sources:
        return None
    digest = hashlib.sha256()
    for path in sources:
        data = path.read_bytes()
        digest.update(f"{path.name} {len(data)}\n".encode())
        digest.update(data)
    return digest.hexdigest()[:32]
