"""Reproduce, check and extend the numerical results of *Model-Based Deep Learning*.

What a user imports stands here, and is loaded when it is asked for::

    import mbdl_repro as mbdl

    mbdl.sparse_recovery          # a running example: its methods, scenarios, metrics and bounds
    mbdl.sparse_recovery.Lista    # a method
    mbdl.compare(...)             # methods on one scenario: a table with intervals
    mbdl.load(...)                # a method of an experiment, as it was trained
    mbdl.scenario(...)            # the scenario of an experiment
    mbdl.choose(...)              # the methods that so many pairs and operations allow
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for editors; nothing of it is imported before it is asked for
    from mbdl_repro.contract.family import Family as Family
    from mbdl_repro.contract.measure import bound as bound
    from mbdl_repro.contract.measure import metric as metric
    from mbdl_repro.contract.method import ClosedFormMethod as ClosedFormMethod
    from mbdl_repro.contract.method import IterativeMethod as IterativeMethod
    from mbdl_repro.contract.method import Method as Method
    from mbdl_repro.contract.scenario import Scenario as Scenario
    from mbdl_repro.contract.scenario import Split as Split
    from mbdl_repro.face.candidates import Candidate as Candidate
    from mbdl_repro.face.choosing import Chosen as Chosen
    from mbdl_repro.face.choosing import choose as choose
    from mbdl_repro.face.compared import Compared as Compared
    from mbdl_repro.face.comparing import compare as compare
    from mbdl_repro.face.estimating import estimate as estimate
    from mbdl_repro.face.estimating import illustrations as illustrations
    from mbdl_repro.face.estimating import iterates as iterates
    from mbdl_repro.face.fitting import fit as fit
    from mbdl_repro.face.kept import load as load
    from mbdl_repro.face.kept import scenario as scenario
    from mbdl_repro.face.kept import table as table
    from mbdl_repro.face.kept import verdicts as verdicts
    from mbdl_repro.face.names import Recipe as Recipe

__version__ = "0.1.0"

_MODULES = {
    "Candidate": "face.candidates",
    "Chosen": "face.choosing",
    "ClosedFormMethod": "contract.method",
    "Compared": "face.compared",
    "Family": "contract.family",
    "IterativeMethod": "contract.method",
    "Method": "contract.method",
    "Recipe": "face.names",
    "Scenario": "contract.scenario",
    "Split": "contract.scenario",
    "bound": "contract.measure",
    "choose": "face.choosing",
    "compare": "face.comparing",
    "estimate": "face.estimating",
    "fit": "face.fitting",
    "illustrations": "face.estimating",
    "iterates": "face.estimating",
    "load": "face.kept",
    "metric": "contract.measure",
    "scenario": "face.kept",
    "table": "face.kept",
    "verdicts": "face.kept",
}
"""Where each name of the public face stands, in the package."""


def __getattr__(name: str) -> Any:
    """Return what a user asks for, imported now."""
    import importlib

    if name in _MODULES:
        return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    if name in _areas():
        return importlib.import_module(f"{__name__}.face.area").Area(name)
    raise AttributeError(
        f"mbdl_repro has no {name!r}; it has {', '.join([*_areas(), *_MODULES])}",
        name=name,
        obj=importlib.import_module(__name__),
    )


def __dir__() -> list[str]:
    """Return the names of the public face."""
    return sorted(["__version__", *_areas(), *_MODULES])


def _areas() -> list[str]:
    """Return the names of the running examples."""
    from pathlib import Path

    return sorted(
        path.parts[-3] for path in Path(__file__).parent.glob("areas/*/methods/__init__.py")
    )
