"""What a safetensors file says of itself, beside its tensors."""

from __future__ import annotations

import json


def metadata(content: bytes) -> dict[str, str]:
    """Return the metadata of a safetensors file: its header is JSON after its own length.

    Args:
        content: of the file.
    """
    length = int.from_bytes(content[:8], "little")
    found: dict[str, str] = json.loads(content[8 : 8 + length])["__metadata__"]
    return found
