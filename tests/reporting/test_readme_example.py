"""The method that the documentation adds works as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import Ridge

from mbdl_repro.areas.linear_estimation.scenario import LinearGaussian
from mbdl_repro.cli.new_method import skeleton
from mbdl_repro.contract.family import Family
from mbdl_repro.contract.scenario import Split

PAGE = (Path(__file__).parents[2] / "docs/adding_a_method.md").read_text(encoding="utf-8")


def test_the_ridge_of_the_page_is_that_of_scikit_learn() -> None:
    """Its class takes the place of the skeleton's, whose imports it needs no more than."""
    begun = skeleton("ridge", "linear_estimation", Family.DISCRIMINATIVE_LEARNING)
    (block,) = re.findall(r"```python\n(class Ridge.*?)```", PAGE, flags=re.DOTALL)
    space: dict[str, object] = {"__name__": "ridge"}
    head = begun[: begun.index("class Ridge")]
    assert "import Family, Method\n" in head
    imported = head.replace("import Family, Method\n", "import ClosedFormMethod, Family, Split\n")
    exec(imported + block, space)
    truth = LinearGaussian(n_signal=3, n_observations=4, observation_matrix="gaussian")
    train = Split(*map(torch.tensor, truth.draw(30, "train")))
    method = space["Ridge"](truth, penalty=0.7)  # type: ignore[operator]
    method.fit(train, train)
    x = truth.draw(5, "test").x
    ours = method(torch.tensor(x)).detach().numpy()
    theirs = Ridge(alpha=0.7, fit_intercept=False).fit(*map(np.asarray, train)).predict(x)
    np.testing.assert_allclose(ours, theirs, rtol=1e-10)
