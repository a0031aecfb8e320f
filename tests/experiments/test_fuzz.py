"""Files changed at random: each is read, or refused in one short message, and never a trace."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from experiments.texts import BASE, FULL, MINIMAL, ROOT

from mbdl_repro.errors import UserError
from mbdl_repro.experiments import limits, reading, scale

Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # the former is ten times as fast
SMOKE = reading.load_scale("smoke")
REAL = ("3.05_kalman_filter", "5.4_convergence", "doa_calibration")
VALUES: tuple[Any, ...] = (
    *(None, True, 0, 1, -1, 3, 0.5, -0.0, 1e-320, 1e300, float("inf"), float("nan")),
    *(10**9, 10**30, "", " ", "x", "full", "1e5", "0x1F", "a: b", "\x85", "\u2028", "ŝ" * 300),
    *("\x07", "x" * 6000, "a\nb", {"a\nb": 1}, {"k" * 200: 1}, 10**14, 90_000),
    *("$\\frac{$", "$x$ and $", [], {}, [[]], [{}], {"": None}, {"a": {"b": {"c": []}}}),
    *([1, 2, 2, "a"], [0.1] * 50, list(range(2000)), {"kind": "lines"}, {"method": "ista"}),
)

TOKENS = (
    "\t",
    "*a",
    "&a ",
    "}",
    "\x00",
    "? ",
    "!!int ''",
    "!!map ",
    "!!null ",
    "!!float '-' ",
    "<<: ",
    '"\\ud800"',
)


def places(data: Any, parent: Any = None, key: Any = None) -> Iterator[tuple[Any, Any]]:
    """Yield the container and key of each value."""
    if parent is not None:
        yield parent, key
    items = data.items() if isinstance(data, dict) else enumerate(data) if is_list(data) else ()
    for inner, value in items:
        yield from places(value, data, inner)


def is_list(data: Any) -> bool:
    return isinstance(data, list)


def mutate(data: dict[str, Any], rng: random.Random) -> None:
    """Change a value somewhere: lose it, replace it, repeat it, nest it, or move it."""
    every = list(places(data))
    parent, key = rng.choice(every)
    other, place = rng.choice(every)
    kind = rng.randrange(7)
    if kind == 0:
        del parent[key]
    elif kind <= 2:
        parent[key] = copy.deepcopy(rng.choice(VALUES))
    elif kind == 3:
        parent[key] = copy.deepcopy(other[place])
    elif kind == 4:
        parent[key] = [copy.deepcopy(parent[key])] * rng.choice([1, 2, 2000])
    elif kind == 5 and isinstance(parent, dict):
        parent[rng.choice([*other] if isinstance(other, dict) else ["new"])] = parent[key]
    elif isinstance(parent[key], int | float):
        parent[key] = rng.choice([-1, 1e-9, 1e9, 0.3, str]) and parent[key] * rng.choice([-1, 1e9])


def written(data: dict[str, Any], rng: random.Random) -> str:
    """Return data as YAML, with aliases for what is the same object, now and then broken."""
    text = yaml.dump(data, Dumper=Dumper, allow_unicode=rng.random() < 0.5, sort_keys=False)
    if rng.random() < 0.1:
        place = rng.randrange(len(text))
        text = text[:place] + rng.choice(TOKENS) + text[place:]
    return text


def check(folder: Path, texts: list[str], seed: int, n: int) -> int:
    """Read files changed at random; return how many were accepted."""
    rng = random.Random(seed)
    whole = [yaml.safe_load(text) for text in texts]
    accepted = 0
    for _ in range(n):
        data = copy.deepcopy(rng.choice(whole))
        for _ in range(rng.choice([1, 1, 2, 4])):
            mutate(data, rng)
        path = folder / "1.01_example.yaml"
        path.write_text(written(data, rng), encoding="utf-8", errors="surrogatepass")
        message = refused(path)
        accepted += message is None
        assert message is None or (str(path) in message and len(message) < limits.MESSAGES * 1000)
    return accepted


def refused(path: Path) -> str | None:
    """Return in which words a file is refused; None if it is not."""
    try:
        scale.at_scale(reading.load_file(path, FULL), SMOKE)
    except UserError as error:
        return str(error)
    return None


def texts_of(names: tuple[str, ...]) -> list[str]:
    folder = ROOT / reading.EXPERIMENTS
    return [BASE, MINIMAL, *((folder / f"{name}.yaml").read_text("utf-8") for name in names)]


@pytest.mark.parametrize("seed", range(3))
def test_a_file_is_read_or_refused_in_words(tmp_path: Path, seed: int) -> None:
    accepted = check(tmp_path, texts_of(REAL), seed, 100)
    assert 0 < accepted < 100  # neither is everything refused, nor nothing
