"""The one gradient-descent loop: for a single fit, or for many side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from mbdl_repro.learning.trainable import HasIterates, Pairs, TakesStacks, Trainable

if TYPE_CHECKING:
    from mbdl_repro.learning.recipe import Recipe

History = list[dict[str, float]]
Report = Callable[[float, str], None]


def silent(fraction: float, message: str) -> None:
    """Report nothing: the default where nobody watches.

    Args:
        fraction: how much is done, from 0 to 1.
        message: what has come of it so far.
    """


def part_of(report: Report, i: int, n: int, prefix: str = "") -> Report:
    """Return the report of the i-th of n equal parts, which says what it is part of.

    Args:
        report: of the whole.
        i: of the part, counted from 0.
        n: how many parts there are.
        prefix: what the messages of this part begin with.
    """
    count = f" ({i + 1} of {n})" if n > 1 else ""
    return lambda done, message: report((i + done) / n, f"{prefix}{message}{count}")


class TrainingDivergedError(RuntimeError):
    """The loss of a fit stopped being a number."""


def gradient_descent(
    members: Sequence[Trainable],
    trains: Sequence[Pairs],
    validations: Sequence[Pairs],
    recipe: Recipe,
    rngs: Sequence[torch.Generator],
    report: Report = silent,
) -> list[History]:
    """Minimize each member's loss on its own data, and keep its best weights on validation.

    Members share architecture, sample sizes and recipe, not data, initial weights or order of
    batches. Several members are one batched computation (``torch.func.vmap`` over stacked
    weights), which for small networks costs little more than one of them.

    Args:
        members: methods, say, of one class and settings; changed in place.
        trains: training pairs of each member, (n_train, ...).
        validations: pairs of each member that choose among its steps, (n_validation, ...).
        recipe: optimizer, schedule, steps, batches, early stopping, precision.
        rngs: one generator a member, for initial weights and batches.
        report: called with (fraction done, message).

    Returns:
        One history a member: rows with keys ``step``, ``train_loss``, ``validation_loss``.

    Raises:
        TrainingDivergedError: if a loss is infinite or not a number; says at which step.
        ValueError: if the members have nothing that is to be trained.
    """
    for member, train, rng in zip(members, trains, rngs, strict=True):
        member.initialize(train, rng)
    ensemble = _Ensemble(members, recipe)
    x, s = ensemble.stack(trains)
    x_val, s_val = ensemble.stack(validations)
    optimizer = _optimizer(ensemble.parameters, recipe)
    batches = [_batches(x.shape[1], recipe.batch_size, rng) for rng in rngs]
    which = torch.arange(len(members))[:, None]

    kept = _Best(ensemble, recipe)
    for step in range(recipe.steps + 1):
        if step % recipe.validate_every == 0 or step == recipe.steps:
            kept.validate(step, ensemble.evaluate(x_val, s_val))
            report(
                step / recipe.steps, f"step {step}/{recipe.steps}, best validation {kept.mean:.4g}"
            )
            if step == recipe.steps or kept.out_of_patience:
                break
        _set_learning_rate(optimizer, recipe, step)
        rows = torch.stack([next(batch) for batch in batches])  # (members, batch)
        kept.running += _step(ensemble, optimizer, x[which, rows], s[which, rows], recipe)
    ensemble.unstack(kept.weights)
    return kept.histories


def _step(
    ensemble: _Ensemble, optimizer: torch.optim.Optimizer, x: Tensor, s: Tensor, recipe: Recipe
) -> Tensor:
    """Take one step on a batch (members, batch, ...); return the losses before it, (members,)."""
    optimizer.zero_grad(set_to_none=True)
    losses = ensemble.losses(x, s, recipe.supervise)
    # The members' losses add up to one number, whose gradient in a member's weights is that
    # member's own.
    losses.sum().backward()
    if recipe.clip_norm is not None:
        ensemble.clip(recipe.clip_norm)
    optimizer.step()
    return losses.detach()


class _Best:
    """Each member's history, and its weights where its validation loss was least."""

    def __init__(self, ensemble: _Ensemble, recipe: Recipe) -> None:
        self.ensemble = ensemble
        self.recipe = recipe
        n = len(ensemble.members)
        self.losses = [math.inf] * n
        self.weights = {name: p.detach().clone() for name, p in ensemble.parameters.items()}
        self.histories: list[History] = [[] for _ in range(n)]
        self.running = torch.zeros(n, dtype=ensemble.dtype, device=ensemble.device)
        self._last_step = 0
        self._stale = 0

    def validate(self, step: int, losses: Tensor) -> None:
        """Note the validation losses after this many steps, and keep what is better."""
        improved = False
        since = step - self._last_step
        for i, loss in enumerate(losses.tolist()):
            if not math.isfinite(loss):
                raise TrainingDivergedError(
                    f"validation loss is {loss} at step {step} of {self.recipe.steps}: "
                    f"lower learning_rate (now {self.recipe.learning_rate:g}) or set clip_norm"
                )
            trained = self.running[i].item() / since if since else math.nan
            self.histories[i].append({"step": step, "train_loss": trained, "validation_loss": loss})
            if loss < self.losses[i]:
                self.losses[i], improved = loss, True
                for name, p in self.ensemble.parameters.items():
                    self.weights[name][i] = p.detach()[i]
        self.running.zero_()
        self._last_step = step
        self._stale = 0 if improved else self._stale + 1

    @property
    def mean(self) -> float:
        """The mean of the least validation losses."""
        return sum(self.losses) / len(self.losses)

    @property
    def out_of_patience(self) -> bool:
        """Whether too many validations have passed without improvement."""
        return self.recipe.patience is not None and self._stale >= self.recipe.patience


class _Ensemble:
    """The members' trainable tensors, stacked along a new first axis, and their losses."""

    def __init__(self, members: Sequence[Trainable], recipe: Recipe) -> None:
        self.members = members
        self.dtype = torch.float32 if recipe.precision == "single" else torch.float64
        tensors = [dict(member.named_parameters()) for member in members]
        trainable = [name for name, p in tensors[0].items() if p.requires_grad]
        if not trainable:
            raise ValueError(f"{type(members[0]).__name__} has no tensor that is to be trained")
        self.device = next(iter(tensors[0].values())).device
        self.parameters = {
            name: self._cast(torch.stack([t[name].detach() for t in tensors])).requires_grad_()
            for name in trainable
        }
        untrained = [
            {name: p.detach() for name, p in own.items() if name not in self.parameters}
            | dict(member.named_buffers())
            for own, member in zip(tensors, members, strict=True)
        ]
        self.fixed = {
            name: self._cast(torch.stack([u[name] for u in untrained])) for name in untrained[0]
        }

    def stack(self, splits: Sequence[Pairs]) -> tuple[Tensor, Tensor]:
        """Return the members' observations and targets, (members, n, ...)."""
        return (
            self._cast(torch.stack([torch.as_tensor(split.x) for split in splits])),
            self._cast(torch.stack([torch.as_tensor(split.s) for split in splits])),
        )

    def _cast(self, data: Tensor) -> Tensor:
        """Return a tensor on the members' device, in the precision of the fit."""
        data = data.to(self.device)
        if data.is_complex():
            return data.to(torch.complex64 if self.dtype == torch.float32 else torch.complex128)
        return data.to(self.dtype) if data.is_floating_point() else data

    def losses(self, x: Tensor, s: Tensor, supervise: str = "answer") -> Tensor:
        """Return each member's loss on its own rows, (members,)."""

        def loss_of(tensors: dict[str, Tensor], x: Tensor, s: Tensor) -> Tensor:
            named = {f"method.{name}": tensor for name, tensor in tensors.items()}
            return torch.func.functional_call(_Loss(first, supervise, is_stack), named, (x, s))

        first, tensors = self.members[0], self.parameters | self.fixed
        several = len(self.members) > 1 and supervise == "answer"
        is_stack = several and isinstance(first, TakesStacks)
        if len(self.members) == 1:  # plain autograd: no restriction on what the method does
            return loss_of({name: t[0] for name, t in tensors.items()}, x[0], s[0])[None]
        if is_stack:
            return loss_of(tensors, x, s)
        return torch.func.vmap(loss_of)(tensors, x, s)

    def evaluate(self, x: Tensor, s: Tensor) -> Tensor:
        """Return each member's loss without recording gradients."""
        with torch.no_grad():
            return self.losses(x, s)

    def clip(self, norm: float) -> None:
        """Scale each member's gradient down to the given norm where it is longer."""
        gradients = [p.grad for p in self.parameters.values() if p.grad is not None]
        squares = [g.reshape(len(g), -1).abs().square().sum(1) for g in gradients]
        lengths = torch.stack(squares).sum(0).sqrt()
        scale = (norm / lengths.clamp_min(1e-12)).clamp_max(1.0)
        for g in gradients:
            g.mul_(scale.view(-1, *[1] * (g.ndim - 1)))

    def unstack(self, weights: dict[str, Tensor]) -> None:
        """Give each member its own weights back, in the precision it came with."""
        with torch.no_grad():
            for i, member in enumerate(self.members):
                for name, parameter in member.named_parameters():
                    if name in weights:
                        parameter.copy_(weights[name][i])


class _Loss(torch.nn.Module):
    """The loss as a module's forward, which ``functional_call`` asks for."""

    def __init__(self, method: Trainable, supervise: str, is_stack: bool) -> None:
        super().__init__()
        self.method = method
        self.supervise = supervise
        self.is_stack = is_stack

    def forward(self, x: Tensor, s: Tensor) -> Tensor:
        if self.is_stack and isinstance(self.method, TakesStacks):
            return self.method.losses(x, s)
        if self.supervise == "answer":
            return self.method.loss(x, s)
        if not isinstance(self.method, HasIterates):
            raise ValueError(
                "recipe: supervise is every_iterate, and "
                f"{type(self.method).__name__} is not iterative: allowed is answer"
            )
        # The first iterate is before the first layer: no weight has a part in it.
        iterates = self.method.iterates(x)
        errors = [(s_k - s).square().flatten(1).sum(1).mean() for s_k in iterates]
        return torch.stack(errors[1:]).log().mean()


def _optimizer(parameters: dict[str, Tensor], recipe: Recipe) -> torch.optim.Optimizer:
    settings: dict[str, Any] = {"lr": recipe.learning_rate, "weight_decay": recipe.weight_decay}
    # One pass over each tensor: with millions of weights, a third of the time.
    settings["fused"] = all(p.is_floating_point() for p in parameters.values())
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(parameters.values(), momentum=recipe.momentum, **settings)
    kind = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
    return kind(parameters.values(), **settings)


def _set_learning_rate(optimizer: torch.optim.Optimizer, recipe: Recipe, step: int) -> None:
    factor = 1.0
    if recipe.schedule == "cosine":
        factor = 0.5 * (1 + math.cos(math.pi * step / recipe.steps))
    for group in optimizer.param_groups:
        group["lr"] = recipe.learning_rate * factor


def _batches(n: int, size: int, rng: torch.Generator) -> Iterator[Tensor]:
    """Yield row numbers without end: shuffled passes over the data, cut into batches."""
    size = min(size, n)
    while True:
        order = torch.randperm(n, generator=rng)
        for start in range(0, n - size + 1, size):
            yield order[start : start + size]
