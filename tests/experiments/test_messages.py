"""A mistake inside a value is noted at its own line, once."""

from typing import Annotated, Literal

import pytest
from annotated_types import Ge

from mbdl_repro.errors import UserError
from mbdl_repro.experiments.messages import Problems
from mbdl_repro.experiments.strict_yaml import StrictYaml

TEXT = """\
sizes:
  - 8
  - eight
  - 0
matrix:
  - [1, 2]
  - [3, four]
law: uniform
"""
Matrix = tuple[tuple[float, ...], ...]


@pytest.fixture
def problems(tmp_path):
    (tmp_path / "file.yaml").write_text(TEXT)
    return Problems(StrictYaml(tmp_path / "file.yaml"))


def noted(problems):
    """Return the messages, each without its file."""
    with pytest.raises(UserError) as caught:
        problems.stop_if_any()
    return [line.split("file.yaml:")[1] for line in str(caught.value).splitlines()]


@pytest.mark.parametrize(
    ("key", "kind", "messages"),
    [
        (
            "sizes",
            list[Annotated[int, Ge(1)]],
            [
                "3: sizes.1: 'eight': should be a whole number",
                "4: sizes.2: 0: should be greater than or equal to 1",
            ],
        ),
        ("matrix", Matrix, ["7: matrix.1.1: 'four': should be a number"]),
        ("law", Literal["gaussian"], ["8: law: 'uniform': allowed: gaussian"]),
        # Of what is wrong with each of several types, only the first is said.
        (
            "matrix",
            Literal["identity"] | Matrix | None,
            ["5: matrix: [[1, 2], [3, 'four']]: allowed: identity"],
        ),
    ],
)
def test_a_value_is_noted_where_it_is_wrong(problems, key, kind, messages):
    assert not problems
    assert problems.value(kind, problems.yaml.data[key], (key,)) is None
    assert problems
    assert noted(problems) == messages


def test_a_value_is_what_its_type_makes_of_it(problems):
    value = problems.value(list[float], [1, 2.5], ("sizes",))
    assert value == [1.0, 2.5] and type(value[0]) is float
    assert problems.value(Matrix | None, [[1, 2]], ("matrix",)) == ((1.0, 2.0),)
    assert problems.value(Matrix | None, None, ("matrix",)) is None
    problems.stop_if_any()


def test_a_mistake_that_is_noted_twice_is_one_message(problems):
    for _ in range(2):
        problems.note(("law",), "no such law")
    assert noted(problems) == ["8: law: no such law"]
