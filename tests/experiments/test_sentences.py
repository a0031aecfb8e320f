"""Sentences of claims stand alone: tables and search show them without their neighbours."""

import re
from pathlib import Path

import pytest
import yaml

WORKFLOW = Path(__file__).parents[2] / "workflow"
FILES = sorted(WORKFLOW.glob("experiments/*.yaml")) + sorted(WORKFLOW.glob("comparisons/*.yaml"))
LEANS = re.compile(
    r"(So|It|They|That is|There|Here|This|These|Those|Its|Their|Nor|Neither|Then|The same)\b"
    r"|[^,]*, too\.$|.*\b(either|there)\.$"
    r"|(At|With|From|Under|Where) [^,;]*(?<!that) (it|they) (is|are|has|have|beats?|raises?)\b"
)
"""What speaks of something that only a sentence before it names: from its start."""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_claim_can_be_read_alone(path):
    for claim in yaml.safe_load(path.read_text(encoding="utf-8")).get("claims") or []:
        says = " ".join(claim["says"].split())
        assert not LEANS.match(says), says
