"""The cache of each kind of work, and the code that its keys stand on."""

from __future__ import annotations

from collections.abc import Iterable

from mbdl_repro import catalogue
from mbdl_repro.catalogue import FunctionInfo
from mbdl_repro.contract.scenario import VariesBySeed
from mbdl_repro.experiments.experiment import Experiment
from mbdl_repro.store.cache import Cache
from mbdl_repro.store.fingerprint import Fingerprint, fingerprint, together
from mbdl_repro.store.paths import Store

DEVICES = ("cpu", "cuda")
"""Kinds of device that compute in double precision."""

DATA = "mbdl_repro.pipeline.data"
MODELS = "mbdl_repro.pipeline.models"
ARRAYS = tuple(f"mbdl_repro.store.files:arrays_{way}_bytes" for way in ("to", "from"))
"""How arrays are stored, and read again."""

NEVER_FITTED = ("fit", "_fit", "initialize", "solve")
"""Methods of a class that are not called where nothing is fitted by descent."""


def data_code(experiment: Experiment) -> Fingerprint:
    """Return what an experiment's data stand on."""
    kind = type(experiment.scenario)
    truth = f"{kind.__module__}:{kind.__name__}"
    made_by = "draw" if experiment.measured is None else "cut"
    return fingerprint(f"{DATA}:{made_by}", f"{DATA}:splits_of", *ARRAYS, truth)


def fit_code(experiment: Experiment, label: str) -> Fingerprint:
    """Return what the fits of a method stand on.

    Args:
        experiment: that they belong to.
        label: the method's, in it.
    """
    roots = [f"{MODELS}:{name}" for name in ("fit_block", "packed", "unpacked")]
    if experiment.methods[label].info.learns:
        roots += [f"{MODELS}:{name}" for name in ("descended", "streams_of")]
    return _method_code(experiment, label, *roots)


def score_code(experiment: Experiment, label: str) -> Fingerprint:
    """Return what the scores of a method stand on.

    Args:
        experiment: that they belong to.
        label: the method's, in it.
    """
    metrics = catalogue.metrics(experiment.area)
    measured = fingerprint(*(_function(metrics[name]) for name in experiment.metrics))
    scored = _method_code(experiment, label, "mbdl_repro.pipeline.stages.evaluate:score")
    fitted = [fit_code(experiment, label)] if experiment.methods[label].has_fit else []
    return together([*fitted, scored, measured])


def bound_code(experiment: Experiment) -> Fingerprint:
    """Return what the values of all bounds of an experiment stand on."""
    bounds = catalogue.bounds(experiment.area)
    return together([_bound_code(experiment, bounds[name]) for name in experiment.bounds])


def data_cache(experiment: Experiment, store: Store) -> Cache:
    """Return the cache of an experiment's data.

    Args:
        experiment: whose data they are.
        store: where they lie.
    """
    return Cache(store.cache("data"), data_code(experiment).key, ".npz")


def model_cache(experiment: Experiment, label: str, store: Store, device: str) -> Cache:
    """Return the cache of a method's fits.

    Args:
        experiment: that they belong to.
        label: the method's, in it.
        store: where they lie.
        device: that they are computed on, as torch names it.
    """
    stands_on = fit_code(experiment, label).key | {"device": kind_of(device)}
    return Cache(store.cache("models"), stands_on, ".safetensors")


def score_cache(experiment: Experiment, label: str, store: Store, device: str) -> Cache:
    """Return the cache of a method's scores.

    Args:
        experiment: that they belong to.
        label: the method's, in it.
        store: where they lie.
        device: that they are computed on, as torch names it.
    """
    stands_on = score_code(experiment, label).key | {"device": kind_of(device)}
    return Cache(store.cache("scores"), stands_on, ".npz")


def encoding_cache(experiment: Experiment, label: str, store: Store, device: str) -> Cache:
    """Return the cache of what a fit makes of test signals, before it is decoded.

    Args:
        experiment: that the fit belongs to.
        label: the method's, in it.
        store: where they lie.
        device: that they are computed on, as torch names it.
    """
    stands_on = fit_code(experiment, label).key | {"device": kind_of(device)}
    return Cache(store.cache("encodings"), stands_on, ".npz")


def bound_cache(experiment: Experiment, name: str, store: Store) -> Cache:
    """Return the cache of a bound's values.

    Args:
        experiment: that they belong to.
        name: the bound's.
        store: where they lie.
    """
    info = catalogue.bounds(experiment.area)[name]
    return Cache(store.cache("bounds"), _bound_code(experiment, info).key, ".npz")


def shared_cache(code: Iterable[str], store: Store, device: str) -> Cache:
    """Return the cache of fits that methods share.

    Args:
        code: definitions that make them, each as ``package.module:name``.
        store: where they lie.
        device: that they are computed on, as torch names it.
    """
    stands_on = fingerprint(*code).key | {"device": kind_of(device)}
    return Cache(store.cache("shared"), stands_on, ".safetensors")


def kind_of(device: str) -> str:
    """Return the kind of a device: ``cuda`` of ``cuda:1``."""
    return device.partition(":")[0]


def _bound_code(experiment: Experiment, info: FunctionInfo) -> Fingerprint:
    computed = fingerprint("mbdl_repro.pipeline.stages.bound:values", _function(info))
    return together([data_code(experiment), computed])


def _method_code(experiment: Experiment, label: str, *roots: str) -> Fingerprint:
    info = experiment.methods[label].info
    method = f"{info.module}:{info.class_name}"
    without = () if info.learns else NEVER_FITTED
    if isinstance(experiment.scenario, VariesBySeed):
        roots += (f"{VariesBySeed.__module__}:in_seed",)  # which a seed's belief is one of
    return together([data_code(experiment), fingerprint(*roots, method, without=without)])


def _function(info: FunctionInfo) -> str:
    return f"{info.module}:{info.name}"
