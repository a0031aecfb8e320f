"""The least that a record says, for tests that write files by themselves."""

from __future__ import annotations

from typing import Any

RECORD: dict[str, Any] = {
    "verb": "tabulate",
    "spec": {"seeds": 3},
    "code": {"digest": "0f", "definitions": {}, "versions": {}, "device": None},
    "inputs": {},
}
