"""Methods compute alike whatever torch's default dtype is, and no import sets it.

A tensor that is created without a dtype takes the default one: who uses a method in a program of
their own would get other numbers than a run does.
"""

import subprocess
import sys
import typing
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from contract.instances import (
    alternatives,
    built,
    descended,
    estimates,
    every_learner,
    every_method,
    fit_briefly,
    pairs,
    settings,
    small,
)
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mbdl_repro import catalogue
from mbdl_repro.catalogue import MethodInfo
from mbdl_repro.contract.method import IterativeMethod, Method
from mbdl_repro.contract.seeding import torch_rng_for


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def copied(method: Method, when: str) -> dict[str, torch.Tensor]:
    return {f"{name}, {when}": tensor.clone() for name, tensor in method.state_dict().items()}


def answers(info: MethodInfo, method: Method) -> dict[str, torch.Tensor]:
    x = pairs(info, 4, "test").x
    found = {"answer": estimates(method, x), "answer with gradients": method(x).detach()}
    if isinstance(method, IterativeMethod):
        with torch.no_grad():
            found |= {f"iterate {k}": s.clone() for k, s in enumerate(method.iterates(x))}
    return found


def unfitted(info: MethodInfo) -> dict[str, torch.Tensor]:
    """The method's tensors and answers when it is built, and where its fit would start from."""
    method = built(info)
    found = copied(method, "built") | answers(info, method)
    if info.learns:
        module, train = descended(info, method, 30, "train")
        module.initialize(train, torch_rng_for("initialize"))
        found |= copied(method, "initialized") | {"loss": module.loss(*train).detach()}
    return found


def fitted(info: MethodInfo, precision: str) -> dict[str, torch.Tensor]:
    """The method's tensors and answers after a few steps."""
    method = built(info)
    fit_briefly(info, method, steps=2, precision=precision)
    return copied(method, "fitted") | answers(info, method)


def assert_the_same_bits(compute, *args):
    with default_dtype(torch.float64):
        expected = compute(*args)
    with default_dtype(torch.float32):
        found = compute(*args)
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype, name
        equal = torch.equal(found[name].nan_to_num(nan=1e9), tensor.nan_to_num(nan=1e9))
        assert equal, f"{name} takes the default dtype somewhere"


@every_method
def test_a_method_does_not_depend_on_the_default_dtype(info):
    assert_the_same_bits(unfitted, info)


@pytest.mark.parametrize("precision", ["double", "single"])
@every_learner
def test_a_fit_does_not_depend_on_the_default_dtype(info, precision):
    assert_the_same_bits(fitted, info, precision)


class NoneByDefault(TorchDispatchMode):
    """Stops where a tensor takes the default dtype, which is here one that nothing asks for."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor) and tensor.dtype in (torch.half, torch.chalf):
                pytest.fail(f"{func} takes the default dtype: say which one it shall be")
        return result


def variants(info: MethodInfo) -> list[dict[str, Any]]:
    """Settings that differ from the small ones in one switch or choice."""
    chosen = {
        name: alternatives(info, name)
        for name, setting in info.settings.items()
        if typing.get_origin(setting.annotation) is typing.Literal
        or isinstance(setting.default, bool)
    }
    return [{name: value} for name, values in chosen.items() for value in values]


@every_method
def test_no_tensor_takes_the_default_dtype(info):
    """Ones and zeros are the same numbers in any; but they decide on what they are added to."""
    truth = small(info).truth
    belief = truth.believed(**small(info).mistaken)
    with default_dtype(torch.half), NoneByDefault():
        unfitted(info)
        for variant in variants(info):
            method = catalogue.method_class(info)(belief, **settings(info) | variant)
            answers(info, method)
        if info.learns:
            fitted(info, "single")


IMPORTS = """
import importlib, pkgutil, torch
import mbdl_repro

torch.set_num_threads(3)
before = torch.get_default_dtype(), torch.get_num_threads()
for module in pkgutil.walk_packages(mbdl_repro.__path__, "mbdl_repro."):
    if module.name.endswith(".__main__"):
        continue  # a command, which nobody imports
    importlib.import_module(module.name)
    after = torch.get_default_dtype(), torch.get_num_threads()
    assert after == before, f"{module.name}: {before} is now {after}"
print(*before)
"""


def test_no_import_sets_the_default_dtype_or_the_number_of_threads():
    ran = subprocess.run(
        [sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "torch.float32 3\n"
