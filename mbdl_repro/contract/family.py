"""The monograph's continuum from model-based rules to deep networks."""

from __future__ import annotations

from enum import Enum


class Family(Enum):
    """A place on the continuum, from most to least specific; bounds stand apart, at the end.

    Args:
        title: what figures, tables and reports call it.
        section: of the monograph; empty for bounds.
        learned: what is learned from data, in a few words.
    """

    MODEL_BASED = ("model-based", "3", "nothing (a few scalars by hand)")
    GENERATIVE_LEARNING = ("generative learning", "5.1", "the model; the rule is derived from it")
    DISCRIMINATIVE_LEARNING = ("discriminative learning", "5.1", "the rule, in the model's form")
    LEARNED_OPTIMIZATION = ("learned optimization", "5.2", "objective and solver parameters")
    UNFOLDED_HYPERPARAMETERS = ("deep unfolding, hyperparameters", "5.3", "solver parameters")
    UNFOLDED_OBJECTIVE = ("deep unfolding, learned objective", "5.3", "objective parameters")
    UNFOLDED_NETWORK = ("deep unfolding, DNN conversion", "5.3", "a network in each iteration")
    DNN_AIDED_PRIOR = ("DNN-aided prior", "5.4", "a network that stands for the prior")
    DNN_AIDED_INFERENCE = ("DNN-aided inference", "5.5", "a network inside the algorithm")
    NEURAL_AUGMENTATION = ("neural augmentation", "5.5", "a network that corrects the algorithm")
    DEEP_LEARNING = ("deep learning", "4", "everything")
    BOUND = ("bound", "", "nothing")

    def __init__(self, title: str, section: str, learned: str) -> None:
        self.title = title
        self.section = section
        self.learned = learned

    @property
    def learns(self) -> bool:
        """Whether members are fitted to training data."""
        return self not in (Family.MODEL_BASED, Family.BOUND)

    @property
    def rank(self) -> int:
        """Position on the continuum, counted from 0."""
        return list(Family).index(self)

    @classmethod
    def titled(cls, title: str) -> Family:
        """Return the family of this title, as tables spell it."""
        return next(family for family in cls if family.title == title)
