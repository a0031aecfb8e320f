"""Plain data as one text, and texts as one number: what names, keys and checksums are made of."""

from __future__ import annotations

import hashlib
import json


def canonical(value: object) -> str:
    """Return plain data as JSON text that is the same whenever the data are."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: str | bytes) -> str:
    """Return the SHA-256 of a text or of bytes, in hexadecimal."""
    return hashlib.sha256(value.encode() if isinstance(value, str) else value).hexdigest()
