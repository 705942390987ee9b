"""URLs as they may be shown."""

from urllib.parse import urlsplit


def without_credentials(url: str) -> str:
    """Return a URL that may be printed and recorded (rule X3)."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
