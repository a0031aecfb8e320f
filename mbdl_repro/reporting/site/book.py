"""The sections of the monograph that numerical examples belong to."""

from __future__ import annotations

import dataclasses

from mbdl_repro.reporting.facts.book import Facts
from mbdl_repro.reporting.facts.comparison import ComparisonFacts
from mbdl_repro.reporting.facts.experiment import ExperimentFacts

SECTIONS = {
    "2": "Inference rules, and the continuum that they lie on",
    "3": "Model-based methods",
    "4": "Deep learning",
    "5": "Model-based deep learning",
    "5.1": "Generative and discriminative learning",
    "5.2": "Learned optimization",
    "5.3": "Deep unfolding",
    "5.4": "DNN-aided priors",
    "5.5": "DNN-aided inference",
    "6": "Which strategy, and when",
}
"""What each is about, in our words; of others the number is enough."""

ELSEWHERE = {
    "3": "Its examples stand in 3.2 and 3.3; its methods, beside those that learn, in nearly all.",
    "4": "It has no example of its own: a black box stands beside other methods in most of them.",
}
"""What is said of sections that no experiment belongs to."""


@dataclasses.dataclass(frozen=True)
class Section:
    """A section of the monograph, and what belongs to it."""

    number: str
    title: str
    experiments: tuple[ExperimentFacts, ...]
    comparisons: tuple[ComparisonFacts, ...]
    elsewhere: str


def sections(facts: Facts) -> list[Section]:
    """Return the sections in their order, each with its experiments and comparisons.

    Args:
        facts: of all experiments.
    """
    experiments = [facts.experiment(name) for name in facts.experiments]
    comparisons = [facts.comparison(name) for name in facts.comparisons]
    used = {one.book.section for one in experiments} | {one.book.section for one in comparisons}
    numbers = sorted(SECTIONS | dict.fromkeys(used, ""), key=lambda n: [*map(int, n.split("."))])
    return [
        Section(
            number=number,
            title=SECTIONS.get(number, ""),
            experiments=tuple(one for one in experiments if one.book.section == number),
            comparisons=tuple(one for one in comparisons if one.book.section == number),
            elsewhere="" if number in used else ELSEWHERE.get(number, ""),
        )
        for number in numbers
    ]
