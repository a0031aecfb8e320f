"""Names for plain data and for bytes, by which what is stored is found and checked."""

from __future__ import annotations

import hashlib
import json


def canonical(value: object) -> str:
    """Return plain data as JSON text that is the same whenever the data are.

    Args:
        value: numbers, texts, truth values and ``None``, in dicts, lists and tuples of any depth.

    Raises:
        ValueError: if a number is infinite, or not a number.
        TypeError: if anything in it is no plain data.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: str | bytes) -> str:
    """Return the SHA-256 of a text or of bytes, in hexadecimal."""
    return hashlib.sha256(value.encode() if isinstance(value, str) else value).hexdigest()
