"""What is made, and what would be, is asked of the pipeline."""

import pytest
from commands import mbdl

pytestmark = pytest.mark.usefixtures("store")


@pytest.mark.parametrize(
    ("arguments", "function", "given"),
    [
        (["status", "-v"], "show_status", ("full", None, True)),
        (["status", "a", "b"], "show_status", ("full", "a,b", False)),
        (["plan", "--cores", "4", "--scale", "smoke"], "show_plan", ("smoke", None, 4)),
        (["adopt"], "adopt", ("full",)),
        (["prune", "--dry-run"], "prune", ("full", True)),
    ],
)
def test_what_is_made_is_asked_of_status(monkeypatch, arguments, function, given):
    asked = []
    monkeypatch.setattr(f"mbdl_repro.pipeline.status.{function}", lambda *a: asked.append(a))
    mbdl(*arguments)
    assert asked == [given]
