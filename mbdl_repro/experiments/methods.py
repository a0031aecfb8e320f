"""An experiment's methods: which one, what it assumes, its settings, and how it is fitted."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from typing import Any

from mbdl_repro import catalogue
from mbdl_repro.catalogue import REQUIRED, MethodInfo
from mbdl_repro.errors import near
from mbdl_repro.experiments import limits
from mbdl_repro.experiments.experiment import MethodEntry
from mbdl_repro.experiments.messages import Problems
from mbdl_repro.experiments.schema import Frame, MethodFrame
from mbdl_repro.experiments.strict_yaml import Where
from mbdl_repro.learning.recipe import Recipe

RESERVED = frozenset(MethodFrame.model_fields)
"""Keys of an entry that are not settings of the method itself."""


def methods(
    problems: Problems, frame: Frame, beliefs: Collection[str], sizes: Collection[int]
) -> dict[str, MethodEntry]:
    """Check all methods' entries, and that those that learn have data to learn from.

    Args:
        problems: where mistakes are noted.
        frame: the top level of the file.
        beliefs: names of what may be assumed.
        sizes: of the training sets; 0 for none.

    Returns:
        The entries by label.

    Raises:
        UserError: naming every mistake.
    """
    entries = {
        label: entry
        for label, data in frame.methods.items()
        if (entry := _method(problems, frame, label, data, beliefs)) is not None
    }
    problems.stop_if_any()
    places: list[Where] = [("methods", label) for label in entries]
    lower = [label.lower() for label in entries]  # some systems do not tell their files apart
    problems.no_repeats(lower, places, "label (capitals aside)")
    legends = [entry.legend for entry in entries.values()]
    problems.no_repeats(legends, [("methods", label, "legend") for label in entries], "legend")
    learner = next((e.label for e in entries.values() if e.info.learns), None)
    if learner and 0 in sizes:
        problems.note(
            ("sweep",) if "sweep" in problems.yaml.data else ("methods", learner),
            f"{learner!r} learns from data, so each block of the sweep needs n_train: "
            "a list of training-set sizes, such as n_train: [100]",
        )
    problems.stop_if_any()
    return entries


def _method(
    problems: Problems, frame: Frame, label: str, data: dict[str, Any], beliefs: Collection[str]
) -> MethodEntry | None:
    """Check a method's entry; return None where it is not even clear which method it is."""
    where: Where = ("methods", label)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", label):
        problems.note(where, f"{label!r} names files: allowed: letters, digits, _ and -")
    entry = problems.block(MethodFrame, {k: v for k, v in data.items() if k in RESERVED}, where)
    if entry is None:
        return None
    infos = catalogue.methods(frame.area)
    name = entry.method or label
    if not problems.name(name, infos, "method", (*where, "method") if entry.method else where):
        return None
    info = infos[name]
    if label in infos and name != label:
        problems.note(where, f"{label!r} is itself a method: give this entry another name")
    if label in frame.bounds:
        problems.note(where, f"{label!r} is also a bound of this experiment: rename the entry")
    problems.name(entry.belief, beliefs, "belief", (*where, "belief"))
    tune = _tuned(problems, info, entry, data, where)
    settings = _settings(
        problems, info, data, {*tune, *_depths(problems, info, entry, data, where)}, where
    )
    recipe = _recipe(problems, info, entry, where)
    if entry.genie_aided and not frame.test_sweep:
        message = "true, and nothing is tested off its training point"
        problems.note((*where, "genie_aided"), message)
    if recipe is None:
        return None
    return MethodEntry(
        label=label,
        info=info,
        legend=entry.legend or label.replace("_", " "),
        belief=entry.belief,
        settings=settings,
        tune=tune,
        flat_beyond=_flat_beyond(problems, entry, where),
        depths=sorted(entry.depths),
        recipe=recipe,
        jobs=entry.jobs,
        genie_aided=entry.genie_aided,
    )


def _tuned(
    problems: Problems, info: MethodInfo, entry: MethodFrame, data: dict[str, Any], where: Where
) -> dict[str, list[Any]]:
    """Check the values that settings are chosen from."""
    tune: dict[str, list[Any]] = {}
    for key, values in entry.tune.items():
        here = (*where, "tune", key)
        if not problems.name(key, info.settings, "setting to tune", here):
            tune[near(key, info.settings) or key] = []
            continue
        if key in data:
            problems.note(here, f"{key!r} is both set and tuned; keep one of the two")
        if key in info.not_fitted:
            problems.note(
                here, f"neither a fit nor its loss depends on {key!r}, by which it could be chosen"
            )
        if not values:
            problems.note(here, "[]: should list the values to choose from")
        problems.no_repeats(values, [(*here, i) for i in range(len(values))])
        annotation = info.settings[key].annotation
        tune[key] = [problems.value(annotation, value, here) for value in values]
    if (n := math.prod(len(values) for values in tune.values())) > limits.CHOICES:
        problems.note((*where, "tune"), f"{n} combinations; allowed are {limits.CHOICES}")
    return tune


def _flat_beyond(problems: Problems, entry: MethodFrame, where: Where) -> dict[str, str]:
    """Check which tuned settings may stand at which end."""
    for key in entry.flat_beyond:
        problems.name(key, entry.tune, "tuned setting", (*where, "flat_beyond", key))
    return dict(entry.flat_beyond)


def _depths(
    problems: Problems, info: MethodInfo, entry: MethodFrame, data: dict[str, Any], where: Where
) -> list[str]:
    """Check the numbers of iterations that each have a fit; return the setting they give."""
    if not entry.depths:
        return []
    here = (*where, "depths")
    problems.no_repeats(entry.depths, [(*here, i) for i in range(len(entry.depths))])
    if info.counted_by is None:
        message = f"{info.name!r} has no setting that counts its iterations: leave out depths"
        problems.note(here, message)
        return []
    if info.counted_by in data or info.counted_by in entry.tune:
        message = f"depths give the iterations, and so does the key {info.counted_by!r}: keep one"
        problems.note(here, message)
    return [info.counted_by]


def _settings(
    problems: Problems,
    info: MethodInfo,
    data: dict[str, Any],
    elsewhere: Collection[str],
    where: Where,
) -> dict[str, Any]:
    """Check the settings that are given, and return them all but those given elsewhere."""
    wanted = {name: s for name, s in info.settings.items() if name not in elsewhere}
    given = {k: v for k, v in data.items() if k not in RESERVED and k not in elsewhere}
    settings = {}
    for name, setting in wanted.items():
        if name in given:
            settings[name] = problems.value(setting.annotation, given[name], (*where, name))
        elif setting.default is REQUIRED:
            problems.missing(name, given, wanted, where)
        else:
            settings[name] = setting.default
    for name in given:
        problems.name(name, [*wanted, *RESERVED, *info.settings], "key", (*where, name))
    return settings


def _recipe(
    problems: Problems, info: MethodInfo, entry: MethodFrame, where: Where
) -> Recipe | None:
    """Check how a method is trained; return None if a value is not what it should be."""
    here = (*where, "recipe")
    if entry.recipe is not None and not info.learns:
        problems.note(here, f"{info.name!r} learns nothing, so it takes no recipe")
    recipe: Recipe | None = problems.block(Recipe, entry.recipe or {}, here)
    if recipe and recipe.supervise == "every_iterate" and not info.iterative:
        words = f"every_iterate: {info.name!r} has no iterates; allowed: answer"
        problems.note((*here, "supervise"), words)
    if recipe and recipe.together and info.fits_itself:
        words = f"true: {info.name!r} has a fit of its own, and cannot go together with others"
        problems.note((*here, "together"), words)
    return recipe
