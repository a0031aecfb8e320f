"""Networks that are fitted to images alone, whatever H is, and shared by all who use the same."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import safetensors.torch
import torch
from torch import Tensor, nn

from mbdl_repro.contract.method import FitInputs, Method
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.contract.shared_fits import SharedFits, unshared
from mbdl_repro.learning.safetensors_header import metadata
from mbdl_repro.learning.training import History, Report, gradient_descent, silent

if TYPE_CHECKING:
    from mbdl_repro.learning.recipe import Recipe


@dataclasses.dataclass(frozen=True)
class Fitted:
    """A prior's weights, and the history of their training."""

    weights: dict[str, Tensor]
    history: History


class Prior(nn.Module, ABC):
    """A prior: a network that was trained on images alone, without observations."""

    name: ClassVar[str]
    """Names the stream that the fit draws from, and the fit: it stays when the class moves."""

    @property
    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """All that its fit depends on besides images and recipe, as plain data."""

    @abstractmethod
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the initial weights.

        Args:
            train: the rows that :meth:`pairs` returned.
            rng: a generator of the CPU.
        """

    @abstractmethod
    def pairs(self, s: Annotated[Tensor, "(n, side, side)"], rng: torch.Generator) -> Split:
        """Make out of images the rows that :meth:`loss` learns from.

        Args:
            s: images (n, side, side).
            rng: a generator of the CPU, for what is drawn beside them.

        Returns:
            x (rows, …), which is the prior's own, and s (rows, side, side).
        """

    @abstractmethod
    def loss(
        self, x: Annotated[Tensor, "(n, …)"], s: Annotated[Tensor, "(n, side, side)"]
    ) -> Tensor:
        """Return the mean over rows of what is descended.

        Args:
            x: what :meth:`pairs` made to go with the images (n, …).
            s: images (n, side, side).
        """


class PriorMethod(Method):
    """A method whose weights are those of a :class:`Prior`: fitted once, for any H.

    Fits of equal priors to equal images, by equal recipes, are one, whoever asks first.
    """

    prior: Prior

    def _fit(self, inputs: FitInputs) -> History:
        """Fit the prior to the targets, or find its fit; observations, and ``rng``, go unused."""
        train, validation, recipe, _, report, shared = inputs
        fitted = fit_once(self.prior, train.s, validation.s, recipe, report, shared)
        self.prior.load_state_dict(fitted.weights)
        return fitted.history


def fit_once(
    prior: Prior,
    images: Annotated[Tensor, "(n, side, side)"],
    validation: Annotated[Tensor, "(n_validation, side, side)"],
    recipe: Recipe,
    report: Report = silent,
    shared: SharedFits = unshared,
) -> Fitted:
    """Return the fit of a prior to images, made only where nobody has made it before.

    Its random numbers come from a stream that is named by all that it depends on.

    Args:
        prior: left as it is.
        images: (n, side, side), in grey levels from 0 to 1.
        validation: images (n_validation, side, side) that choose among its steps.
        recipe: how to descend.
        report: called with (fraction done, message).
        shared: makes the fit, or finds it.
    """
    spec = {
        "prior": prior.name,
        "settings": prior.settings,
        "recipe": recipe.model_dump(),
        "images": [_digest(images), _digest(validation)],
    }

    def make() -> bytes:
        fresh = copy.deepcopy(prior)
        rng = torch_rng_for("prior", spec)
        pairs = [fresh.pairs(images, rng)], [fresh.pairs(validation, rng)]
        (history,) = gradient_descent([fresh], *pairs, recipe, [rng], report)
        tensors = {name: t.detach().cpu().contiguous() for name, t in fresh.state_dict().items()}
        return safetensors.torch.save(tensors, {"history": json.dumps(history)})

    content = shared((type(prior), fit_once), spec, make)
    return Fitted(safetensors.torch.load(content), json.loads(metadata(content)["history"]))


def _digest(images: Tensor) -> str:
    """Return a hash of images, their number and size."""
    array = images.detach().cpu().double().contiguous().numpy()
    return hashlib.sha256(repr(array.shape).encode() + array.tobytes()).hexdigest()
