"""Fits that go together against the same fits one by one."""

import torch

from mbdl_repro.contract.method import descend
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.learning.recipe import Recipe

RECIPE = Recipe(learning_rate=0.01, steps=6, batch_size=20, clip_norm=1.0, validate_every=3)


def pairs(truth, n, *stream):
    return Split(*(torch.from_numpy(part) for part in truth.draw(n, *stream)))


def assert_a_stack_is_each_of_its_fits(build, truth, n=3):
    trains = [pairs(truth, 30, "train", i) for i in range(n)]
    validations = [pairs(truth, 20, "validation", i) for i in range(n)]
    stack = [build() for _ in range(n)]
    rngs = [torch_rng_for("fit", i) for i in range(n)]
    histories = descend(stack, trains, validations, RECIPE, rngs)
    for i, ours in enumerate(stack):
        single = build()
        history = single.fit(trains[i], validations[i], RECIPE, torch_rng_for("fit", i))
        for one, other in zip(ours.parameters(), single.parameters(), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-8)
        losses = [[row["validation_loss"] for row in rows] for rows in (histories[i], history)]
        torch.testing.assert_close(*map(torch.tensor, losses), rtol=1e-6, atol=1e-8)
