"""What runs is what fingerprints reach: Python's own word for it, over all methods and bounds."""

import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from contract.instances import built, estimates, every_method, fit_briefly, pairs, small

from mbdl_repro.catalogue import MethodInfo
from mbdl_repro.store.fingerprint import fingerprint

ROOMS = ("mbdl_repro.areas.", "mbdl_repro.contract.", "mbdl_repro.learning.")


@contextmanager
def calls() -> Iterator[set[str]]:
    """Note the functions and classes of the package that are called."""
    seen: set[str] = set()

    def watch(frame: FrameType, event: str, argument: object) -> None:
        code, module = frame.f_code, str(frame.f_globals.get("__name__"))
        ours = module.startswith(ROOMS) and not code.co_filename.startswith("<")
        if event == "call" and ours and not code.co_qualname.startswith("<"):
            seen.add(code.co_qualname.split(".")[0])

    sys.setprofile(watch)
    try:
        yield seen
    finally:
        sys.setprofile(None)


@every_method
def test_whatever_a_method_calls_is_reached(info: MethodInfo) -> None:
    built(info)  # bodies of classes run when their modules are imported: not now
    with calls() as seen:
        method = built(info)
        if info.learns:
            fit_briefly(info, method, steps=1)
        estimates(method, pairs(info, 4, "test").x)
    kind = type(small(info).truth)
    roots = [f"{info.module}:{info.class_name}", f"{kind.__module__}:{kind.__name__}"]
    roots.append("mbdl_repro.pipeline.models:descended")
    reached = fingerprint(*roots)
    assert seen - reached.definitions.keys() == set()
    # One that is all its base, but for its family and its words, has no code of its own to call.
    assert seen & {base.__name__ for base in inspect.getmro(type(method))[:2]}


def test_a_call_is_noted_by_the_name_that_its_definition_has() -> None:
    from mbdl_repro.contract.hashing import digest

    with calls() as seen:
        digest("a")
    assert seen == {"digest"}
    assert inspect.unwrap(digest).__qualname__ == "digest"
