"""What all results of a full run stand on, remembered until a file or the code changes.

To find it out takes seconds: all definitions that each result reaches, and all its settings. What
is remembered is a hash of each, which tells whether a record says the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mbdl_repro.catalogue.memory import Memory
from mbdl_repro.comparisons import reading as comparisons
from mbdl_repro.contract.hashing import canonical, digest
from mbdl_repro.pipeline.verbs import layout
from mbdl_repro.store.fingerprint import COMPUTES, version

if TYPE_CHECKING:
    from mbdl_repro.pipeline.plan import Plan
    from mbdl_repro.pipeline.verbs import Task


class Standing:
    """Hashes of what the results of a full run stand on.

    Args:
        plan: of the run.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._memory = Memory(f"standing-{plan.scale.name}-{plan.device.partition(':')[0]}", ["."])
        self._known: dict[str, str] | None = None

    def is_as_recorded(self, task: Task, record: Mapping[str, Any]) -> bool:
        """Return whether a record says what its task's outputs would stand on now.

        Args:
            task: that made them.
            record: of them.
        """
        if self.plan.narrowed:
            return False  # few results, which are looked at one by one
        if self._known is None:
            self._known = self._recalled()
        return self._known[task.name] == hashed(record)

    def _recalled(self) -> dict[str, str]:
        key = f"{self._memory.checksum()} {digest(canonical(self._rests_on()))}"
        known: dict[str, str] | None = self._memory.read(key)
        if known is None:
            known = {task.name: hashed(self.plan.stands_on(task)) for task in self.plan.tasks}
            self._memory.write(key, known)
        return known

    def _rests_on(self) -> list[Any]:
        """Return what it follows from besides the code."""
        plan = self.plan
        book = {
            name: [e.file, e.measured and e.measured.checksum]
            for name, e in plan.experiments.items()
        }
        scale = [plan.scale.name, plan.scale.at_most.model_dump(), plan.scale.figure_formats]
        compared = {name: one.file for name, one in comparisons.load_all().items()}
        versions = {package: version(package) for package in COMPUTES.values()}
        return [book, scale, compared, layout(), versions, plan.device]


def hashed(standing: Mapping[str, Any]) -> str:
    """Return a hash of what a result stands on, as a plan finds it or a record keeps it."""
    code = standing["code"]
    parts = [standing["spec"], *(code[key] for key in ("digest", "versions", "device"))]
    return digest(canonical(parts))
