"""The one loop, against loops written by hand, and each of its settings by itself."""

import copy
import dataclasses
import itertools
import json
import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from mbdl_repro.contract.method import Family, IterativeMethod, Method
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.recipe import Recipe
from mbdl_repro.learning.training import TrainingDivergedError, gradient_descent, part_of

EPS = float(np.finfo(float).eps)


class Affine(Method):
    """ŝ = x w + b: least squares, which shows what it meets."""

    family = Family.DISCRIMINATIVE_LEARNING

    def __init__(self, n: int = 3, start: float = 0.0) -> None:
        super().__init__()
        self.w = torch.nn.Parameter(torch.full((n,), start, dtype=torch.float64))
        self.b = torch.nn.Parameter(torch.zeros((), dtype=torch.float64))
        self.seen: list[tuple[torch.Tensor, ...]] = []
        """Observations, targets and weights of each training step."""

    def forward(self, x):
        return (x * self.w).sum(1, keepdim=True) + self.b

    def loss(self, x, s):
        if torch.is_grad_enabled():
            self.seen.append(tuple(t.detach().clone() for t in (x, s, self.w)))
        return super().loss(x, s)


class Centred(Method):
    """ŝ = W ((x - x̄) ∘ f), from random weights, with a buffer of the data's and a frozen f."""

    family = Family.DEEP_LEARNING

    def __init__(self, frozen: float = 1.0) -> None:
        super().__init__()
        self.W = torch.nn.Parameter(torch.zeros(3, 1, dtype=torch.float64))
        self.f = torch.nn.Parameter(torch.tensor(frozen, dtype=torch.float64), requires_grad=False)
        self.register_buffer("mean", torch.zeros(3, dtype=torch.float64))
        self.register_buffer("count", torch.tensor(0))

    @torch.no_grad()
    def initialize(self, train, rng):
        self.W.normal_(generator=rng)
        self.mean.copy_(train.x.mean(0))
        self.count.fill_(len(train.x))

    def forward(self, x):
        return torch.tanh((x - self.mean) * self.f) @ self.W


class Drift(Method):
    """The loss is a w, or (w - s)² where the targets are not NaN: a gradient known exactly."""

    family = Family.DISCRIMINATIVE_LEARNING

    def __init__(self, slope=(1.0,)) -> None:
        super().__init__()
        self.slope = torch.tensor(slope, dtype=torch.float64)
        self.w = torch.nn.Parameter(torch.zeros(len(slope), dtype=torch.float64))
        self.trail: list[torch.Tensor] = []

    def forward(self, x):
        return self.w.expand(len(x), -1)

    def loss(self, x, s):
        if torch.is_grad_enabled():
            self.trail.append(self.w.detach().clone())
            return (self.w * self.slope).sum()
        return (self.w[:1] - s[:, :1]).square().mean()


def pairs(n: int, seed: int, noise: float = 0.3) -> Split:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 3)) + 0.5
    s = x @ [[1.0], [-2.0], [0.5]] + 0.7 + noise * rng.standard_normal((n, 1))
    return Split(torch.from_numpy(x), torch.from_numpy(s))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def descend(method: Method, train: Split, validation: Split, seed: int = 0, **recipe):
    (history,) = gradient_descent([method], [train], [validation], Recipe(**recipe), [seeded(seed)])
    return history


# --- the loop as a whole ---

OPTIMIZERS = {
    "sgd": lambda weights: torch.optim.SGD(weights, lr=0.02, momentum=0.8, weight_decay=0.01),
    "adam": lambda weights: torch.optim.Adam(weights, lr=0.02, weight_decay=0.01),
    "adamw": lambda weights: torch.optim.AdamW(weights, lr=0.02, weight_decay=0.01),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_it_is_the_loop_written_by_hand(optimizer, schedule):
    train, validation, steps, every = pairs(50, 1), pairs(20, 2), 60, 7
    method = Affine()
    recipe = {"learning_rate": 0.02, "weight_decay": 0.01, "momentum": 0.8, "batch_size": 16}
    history = descend(
        method, train, validation, steps=steps, validate_every=every,
        optimizer=optimizer, schedule=schedule, **recipe,
    )  # fmt: skip
    assert len(method.seen) == steps

    w = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    b = torch.zeros((), dtype=torch.float64, requires_grad=True)
    hand = OPTIMIZERS[optimizer]([w, b])
    annealing = torch.optim.lr_scheduler.CosineAnnealingLR(hand, T_max=steps)
    losses, since, rows, kept = {}, [], [], None
    for step in range(steps + 1):
        if step % every == 0 or step == steps:
            with torch.no_grad():
                loss = ((validation.x @ w + b - validation.s[:, 0]) ** 2).mean().item()
            if not losses or loss < min(losses.values()):
                kept = (w.detach().clone(), b.detach().clone())
            losses[step] = loss
            rows.append({"step": step, "train_loss": np.mean(since) if since else math.nan})
            since = []
        if step == steps:
            break
        x, s, _ = method.seen[step]
        hand.zero_grad()
        loss = ((x @ w + b - s[:, 0]) ** 2).mean()
        loss.backward()
        hand.step()
        since.append(loss.item())
        if schedule == "cosine":
            annealing.step()
    # Both take the same sums in another order, 60 times.
    torch.testing.assert_close(method.w.detach(), kept[0], rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(method.b.detach(), kept[1], rtol=1e-10, atol=1e-12)
    assert [row["step"] for row in history] == [*range(0, steps, every), steps]
    for row, hand_row in zip(history, rows, strict=True):
        assert set(row) == {"step", "train_loss", "validation_loss"}
        assert row["validation_loss"] == pytest.approx(losses[row["step"]], rel=1e-10)
        expected = hand_row["train_loss"]
        assert row["train_loss"] == pytest.approx(expected, rel=1e-10, nan_ok=True)


def test_it_finds_the_least_squares_solution():
    train = pairs(40, 1)
    method = Affine()
    descend(method, train, train, optimizer="sgd", learning_rate=0.05, steps=2000, batch_size=40)
    x = np.column_stack([train.x.numpy(), np.ones(40)])
    solution = np.linalg.lstsq(x, train.s.numpy()[:, 0])[0]
    np.testing.assert_allclose(method.w.detach().numpy(), solution[:3], rtol=1e-6)
    np.testing.assert_allclose(method.b.item(), solution[3], rtol=1e-6)


def test_the_default_fit_is_this_loop():
    recipe = Recipe(steps=30, validate_every=10)
    one, other = Affine(), Affine()
    history = one.fit(pairs(20, 1), pairs(10, 2), recipe, seeded(4))
    same = gradient_descent([other], [pairs(20, 1)], [pairs(10, 2)], recipe, [seeded(4)])[0]
    assert torch.equal(one.w, other.w)
    np.testing.assert_equal(history, same)


class Bare(torch.nn.Module):
    """What the loop asks for and nothing else: the layers of :class:`Chain`, of no contract."""

    def __init__(self) -> None:
        super().__init__()
        self.w = torch.nn.Parameter(torch.zeros(3, dtype=torch.float64))

    def initialize(self, train, rng):
        with torch.no_grad():
            self.w.copy_(torch.tensor([0.5, 0.7, 0.2], dtype=torch.float64))

    def iterates(self, x):
        return Chain.iterates(self, x)

    def loss(self, x, s):
        *_, last = self.iterates(x)
        return (last - s).square().sum(1).mean()


@pytest.mark.parametrize("supervise", ["answer", "every_iterate"])
def test_it_trains_any_module_with_a_loss_on_any_kind_of_pairs(supervise):
    @dataclasses.dataclass
    class Observed:
        s: np.ndarray
        x: np.ndarray

    data = chain_data()
    kept = Observed(s=data.s.numpy(), x=data.x.numpy())
    recipe = Recipe(steps=20, batch_size=8, supervise=supervise)
    bare, method = Bare(), Chain()
    histories = gradient_descent([bare], [kept], [kept], recipe, [seeded()])
    np.testing.assert_equal(
        histories, gradient_descent([method], [data], [data], recipe, [seeded()])
    )
    assert torch.equal(bare.w, method.w)
    assert not torch.equal(bare.w, Chain().w)


# --- schedule, clipping ---


def learning_rates(**recipe) -> np.ndarray:
    """Return the rate of each step: how far a weight goes whose gradient is 1."""
    method = Drift()
    data = Split(torch.zeros(4, 1), torch.zeros(4, 1))
    descend(method, data, data, optimizer="sgd", momentum=0.0, **recipe)
    trail = torch.cat(method.trail).numpy()
    return trail[:-1] - trail[1:]


def test_a_constant_rate():
    rates = learning_rates(schedule="constant", learning_rate=0.25, steps=10)
    np.testing.assert_allclose(rates, 0.25, rtol=0, atol=16 * EPS)


def test_a_cosine_from_the_rate_to_zero():
    rates = learning_rates(schedule="cosine", learning_rate=0.25, steps=8)
    root = np.sqrt(0.5)
    half = [1, np.cos(np.pi / 8), root, np.sin(np.pi / 8), 0, -np.sin(np.pi / 8), -root]
    np.testing.assert_allclose(rates, 0.25 * (1 + np.array(half)) / 2, rtol=0, atol=16 * EPS)


@pytest.mark.parametrize(("norm", "scale"), [(2.5, 0.5), (5.0, 1.0), (7.0, 1.0), (None, 1.0)])
def test_clipping_scales_a_gradient_that_is_longer(norm, scale):
    method = Drift(slope=(3.0, -4.0))  # of length 5
    data = Split(torch.zeros(4, 1), torch.zeros(4, 1))
    settings = {"optimizer": "sgd", "momentum": 0.0, "schedule": "constant", "learning_rate": 0.1}
    descend(method, data, data, steps=3, clip_norm=norm, **settings)
    steps = torch.diff(torch.stack(method.trail), dim=0)
    expected = -0.1 * scale * torch.tensor([3.0, -4.0], dtype=torch.float64)
    torch.testing.assert_close(steps, expected.expand(2, 2), rtol=0, atol=16 * EPS)


def test_the_norm_is_of_all_weights_of_a_member_together():
    train = pairs(30, 1)
    method, free = Affine(), Affine()
    settings = {"optimizer": "sgd", "momentum": 0.0, "learning_rate": 0.1, "batch_size": 30}
    settings |= {"steps": 1, "validate_every": 1}
    descend(free, train, train, **settings)
    descend(method, train, train, clip_norm=0.5, **settings)

    def move(m: Affine) -> torch.Tensor:
        return torch.cat([m.w.detach(), m.b.detach()[None]])

    length = move(free).norm() / 0.1
    assert length > 0.5
    torch.testing.assert_close(move(method), move(free) * 0.5 / length, rtol=1e-12, atol=0)


# --- batches ---


def rows_of_batches(n: int, size: int, steps: int, seed: int = 0) -> list[list[int]]:
    method = Affine(n=1)
    ids = torch.arange(n, dtype=torch.float64)[:, None]
    settings = {"learning_rate": 1e-9, "validate_every": steps}
    data = Split(ids, -ids)
    descend(method, data, data, seed, steps=steps, batch_size=size, **settings)
    for x, s, _ in method.seen:
        assert torch.equal(s, -x), "targets of other rows"
    return [x[:, 0].int().tolist() for x, _, _ in method.seen]


@pytest.mark.parametrize(("n", "size", "per_pass"), [(10, 4, 2), (12, 4, 3), (7, 1, 7), (5, 5, 1)])
def test_a_pass_takes_each_row_once_at_most(n, size, per_pass):
    batches = rows_of_batches(n, size, steps=5 * per_pass)
    assert {len(batch) for batch in batches} == {size}
    rows = [row for batch in batches for row in batch]
    length = per_pass * size
    passes = [rows[i : i + length] for i in range(0, len(rows), length)]
    for rows in passes:
        assert len(rows) == len(set(rows)) == length
        assert set(rows) <= set(range(n))
    if n > 5:
        assert len({tuple(rows) for rows in passes}) == 5, "every pass has an order of its own"


def test_no_row_is_left_out_for_ever():
    """Of 10 rows 2 are left out each pass, others each time: all are met in 20 passes."""
    assert {row for batch in rows_of_batches(10, 4, steps=40) for row in batch} == set(range(10))


def test_a_batch_larger_than_the_data_is_all_of_it():
    for batch in rows_of_batches(6, 128, steps=4):
        assert sorted(batch) == list(range(6))


def test_the_order_is_that_of_the_seed():
    assert rows_of_batches(10, 4, 6, seed=1) == rows_of_batches(10, 4, 6, seed=1)
    assert rows_of_batches(10, 4, 6, seed=1) != rows_of_batches(10, 4, 6, seed=2)


# --- validation ---


def passing_by(target: float, **recipe):
    """Descend with w = 0, 1, 2, … whose validation loss (w - target)² falls, then rises."""
    method = Drift(slope=(-1.0,))
    data = Split(torch.zeros(2, 1), torch.full((2, 1), target))
    settings = {"optimizer": "sgd", "momentum": 0.0, "schedule": "constant", "learning_rate": 1.0}
    return method, descend(method, data, data, **settings, **recipe)


def test_the_best_weights_are_kept_not_the_last():
    method, history = passing_by(6.0, steps=20, validate_every=2)
    assert method.w.item() == 6.0
    assert [row["validation_loss"] for row in history] == [(w - 6.0) ** 2 for w in range(0, 21, 2)]


def test_only_validated_weights_are_kept():
    method, _ = passing_by(6.9, steps=20, validate_every=5)
    assert method.w.item() == 5.0  # 0, 5, 10, 15, 20 are validated


def test_the_last_weights_are_validated_wherever_they_fall():
    method, history = passing_by(7.0, steps=7, validate_every=5)
    assert method.w.item() == 7.0
    assert [row["step"] for row in history] == [0, 5, 7]


def test_weights_that_never_improve_are_those_of_the_start():
    method, _ = passing_by(-1.0, steps=7, validate_every=1)
    assert method.w.item() == 0.0


def test_equal_losses_keep_the_earlier_weights():
    method, _ = passing_by(3.0, steps=4, validate_every=2)  # 9, 1, 1
    assert method.w.item() == 2.0


@pytest.mark.parametrize("patience", [1, 2, 5])
def test_patience_ends_a_fit_that_no_longer_improves(patience):
    method, history = passing_by(6.0, steps=100, validate_every=2, patience=patience)
    assert history[-1]["step"] == 6 + 2 * patience
    assert method.w.item() == 6.0
    assert len(method.trail) == 6 + 2 * patience, "it went on"


class Scripted(Drift):
    """Validation losses as a list says them, one after the other."""

    def __init__(self, losses) -> None:
        super().__init__()
        self.script = [float(loss) for loss in losses]

    def loss(self, x, s):
        if torch.is_grad_enabled():
            return super().loss(x, s)
        return torch.tensor(self.script.pop(0))


@pytest.mark.parametrize(
    ("losses", "last"),
    [([5, 6, 4, 6, 3, 6, 6, 1, 1], 6), ([5, 4, 3, 2, 1, 2, 2, 0], 6), ([5, 5, 5, 1], 2)],
    ids=str,
)
def test_patience_is_renewed_by_every_improvement(losses, last):
    data = Split(torch.zeros(2, 1), torch.zeros(2, 1))
    history = descend(Scripted(losses), data, data, steps=8, validate_every=1, patience=2)
    assert history[-1]["step"] == last


def test_without_patience_a_fit_runs_to_its_end():
    assert passing_by(-1.0, steps=100, validate_every=2)[1][-1]["step"] == 100


def test_patience_and_fits_that_go_together_exclude_each_other():
    with pytest.raises(ValidationError, match="leave out patience, or together"):
        Recipe(patience=3, together=True)
    assert Recipe(patience=3).patience == 3
    assert Recipe(together=True).together


def test_validation_data_never_move_a_weight():
    trails = []
    for validation in (pairs(10, 2), pairs(300, 3, noise=5.0)):
        method = Affine()
        descend(method, pairs(40, 1), validation, steps=40, validate_every=3, batch_size=8)
        trails.append(torch.stack([w for _, _, w in method.seen]))
    assert torch.equal(*trails)


def test_validating_more_often_moves_no_weight():
    trails = []
    for every in (1, 40):
        method = Affine()
        descend(method, pairs(40, 1), pairs(10, 2), steps=40, validate_every=every, batch_size=8)
        trails.append(torch.stack([w for _, _, w in method.seen]))
    assert torch.equal(*trails)


# --- precision ---


def test_arithmetic_of_the_fit_is_in_the_precision_that_is_asked_for():
    results = {}
    for precision, dtype in (("single", torch.float32), ("double", torch.float64)):
        method = Affine()
        descend(method, pairs(40, 1), pairs(10, 2), steps=100, precision=precision)
        assert {t.dtype for seen in method.seen for t in seen} == {dtype}
        assert method.w.dtype == torch.float64, "evaluation is in double precision"
        results[precision] = method.w.detach()
    single, double = results["single"], results["double"]
    assert torch.equal(single, single.float().double())
    assert not torch.equal(double, double.float().double())
    # A hundred steps of a well-conditioned problem, each with a rounding or two.
    tolerance = 200 * float(np.finfo(np.float32).eps)
    torch.testing.assert_close(single, double, rtol=tolerance, atol=tolerance)
    assert not torch.equal(single, double)


def test_whole_numbers_and_what_is_frozen_keep_their_kind_and_value():
    method = Centred(frozen=0.1)  # 0.1 in single precision is another number
    descend(method, pairs(40, 1), pairs(10, 2), steps=10, precision="single")
    assert method.count.dtype == torch.int64 and method.count == 40
    assert method.f == torch.tensor(0.1, dtype=torch.float64)
    assert torch.equal(method.mean, pairs(40, 1).x.mean(0))


class Modulus(Method):
    """|x| w of complex observations, as arrays of antennas have them."""

    family = Family.DISCRIMINATIVE_LEARNING

    def __init__(self) -> None:
        super().__init__()
        self.w = torch.nn.Parameter(torch.zeros((), dtype=torch.float64))

    def forward(self, x):
        return x.abs() * self.w


@pytest.mark.parametrize("precision", ["single", "double"])
def test_complex_observations_have_real_losses(precision):
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.standard_normal((20, 2)) + 1j * rng.standard_normal((20, 2)))
    data = Split(x, 2 * x.abs())
    method = Modulus()
    history = descend(method, data, data, steps=400, learning_rate=0.1, precision=precision)
    assert method.w.item() == pytest.approx(2.0, rel=1e-2)
    assert json.loads(json.dumps(history[1:])) == history[1:]


# --- divergence ---


def test_divergence_is_told_with_its_step_and_its_cure():
    with pytest.raises(TrainingDivergedError) as told:
        descend(
            Affine(), pairs(40, 1), pairs(10, 2), optimizer="sgd", learning_rate=1e6, steps=400,
            validate_every=20,
        )  # fmt: skip
    message = str(told.value)
    step = int(message.split("at step ")[1].split(" of 400")[0])
    assert step % 20 == 0 and 0 < step <= 400
    assert "lower learning_rate (now 1e+06) or set clip_norm" in message
    assert "inf" in message or "nan" in message


def test_observations_that_are_not_numbers_are_told_before_the_first_step():
    bad = Split(torch.full((4, 3), math.nan, dtype=torch.float64), torch.zeros(4, 1))
    with pytest.raises(TrainingDivergedError, match="at step 0 of 10"):
        descend(Affine(), pairs(40, 1), bad, steps=10)


# --- several side by side ---

TOGETHER = [
    {"optimizer": "sgd", "learning_rate": 0.05},
    {"optimizer": "adam", "learning_rate": 0.05, "weight_decay": 0.1},
    {"optimizer": "adamw", "learning_rate": 0.05, "weight_decay": 0.1},
    {"optimizer": "sgd", "learning_rate": 0.05, "clip_norm": 0.2},
]


@pytest.mark.parametrize("recipe", TOGETHER, ids=str)
def test_members_fitted_together_are_those_fitted_apart(recipe):
    recipe = Recipe(steps=60, validate_every=7, batch_size=8, together=True, **recipe)
    trains, validations = [pairs(30, i) for i in range(3)], [pairs(15, 10 + i) for i in range(3)]
    members = [Centred(frozen=0.5 + i) for i in range(3)]
    apart = copy.deepcopy(members)
    rngs = [seeded(i) for i in range(3)]
    histories = gradient_descent(members, trains, validations, recipe, rngs)
    for i, method in enumerate(apart):
        (history,) = gradient_descent([method], [trains[i]], [validations[i]], recipe, [seeded(i)])
        for (name, mine), theirs in zip(
            members[i].state_dict().items(), method.state_dict().values(), strict=True
        ):
            torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-12, msg=name)
        for row, other in zip(histories[i], history, strict=True):
            for key in row:
                assert row[key] == pytest.approx(other[key], rel=1e-9, nan_ok=True)
    for a, b in itertools.combinations(members, 2):
        assert not torch.allclose(a.W, b.W), "each learns from data of its own"
        assert not torch.equal(a.mean, b.mean)


def test_each_member_keeps_its_own_best():
    """One passes its target at step 2, the other at step 9."""
    members = [Affine(n=1), Affine(n=1)]
    x = torch.ones(4, 1, dtype=torch.float64)
    train = Split(x, 100 * x)
    validations = [Split(x, 3 * x), Split(x, 30 * x)]
    recipe = Recipe(optimizer="sgd", momentum=0.0, learning_rate=0.01, steps=40, validate_every=1)
    histories = gradient_descent(members, [train] * 2, validations, recipe, [seeded(), seeded()])
    best = [min(h, key=lambda row: row["validation_loss"])["step"] for h in histories]
    assert best[0] < best[1] < 40
    for member, validation, history in zip(members, validations, histories, strict=True):
        kept = member.loss(*validation).item()
        assert kept == pytest.approx(min(row["validation_loss"] for row in history), rel=1e-9)


# --- reports ---


def reports(members: int = 1, **recipe) -> list[tuple[float, str]]:
    said: list[tuple[float, str]] = []
    gradient_descent(
        [Affine() for _ in range(members)], [pairs(20, 1)] * members, [pairs(10, 2)] * members,
        Recipe(**recipe), [seeded(i) for i in range(members)], lambda *words: said.append(words),
    )  # fmt: skip
    return said


@pytest.mark.parametrize("members", [1, 2])
def test_progress_is_reported_from_start_to_end(members):
    said = reports(members, steps=100, validate_every=9)
    fractions = [fraction for fraction, _ in said]
    assert fractions[0] == 0 and fractions[-1] == 1
    assert fractions == sorted(set(fractions)) and len(fractions) == 13
    assert "step 99/100" in said[-2][1]


def test_progress_of_a_part_is_progress_of_the_whole():
    said = []
    for i in range(4):
        report = part_of(lambda *words: said.append(words), i, 4, prefix="seed: ")
        for done in (0.0, 0.5, 1.0):
            report(done, "step")
    fractions = [fraction for fraction, _ in said]
    assert fractions == sorted(fractions) == [i / 8 for i in (0, 1, 2, 2, 3, 4, 4, 5, 6, 6, 7, 8)]
    assert said[4][1] == "seed: step (2 of 4)"


# --- what is supervised ---


class Chain(IterativeMethod):
    """ŝ_{k+1} = w_k (ŝ_k + x): three layers of one weight each."""

    family = Family.UNFOLDED_HYPERPARAMETERS

    def __init__(self) -> None:
        super().__init__()
        self.w = torch.nn.Parameter(torch.tensor([0.5, 0.7, 0.2], dtype=torch.float64))

    def iterates(self, x):
        s = torch.zeros_like(x)
        yield s
        for w in self.w:
            s = w * (s + x)
            yield s


def chain_data():
    g = torch.Generator().manual_seed(3)
    x = torch.randn(30, 2, generator=g, dtype=torch.float64)
    return Split(x, 2 * x + 0.1 * torch.randn(30, 2, generator=g, dtype=torch.float64))


def test_every_iterate_is_supervised_by_its_logarithmic_error():
    data, method = chain_data(), Chain()
    recipe = Recipe(
        optimizer="sgd", momentum=0.0, learning_rate=0.1, schedule="constant", steps=1,
        batch_size=30, supervise="every_iterate",
    )  # fmt: skip
    (history,) = gradient_descent(
        [method], [data], [data], recipe, [torch.Generator().manual_seed(0)]
    )

    def loss(w):
        s, total = np.zeros_like(data.x.numpy()), 0.0
        for layer in w:
            s = layer * (s + data.x.numpy())
            total += np.log(np.mean(np.sum((s - data.s.numpy()) ** 2, 1))) / 3
        return total

    start, h = np.array([0.5, 0.7, 0.2]), 1e-6
    slope = [(loss(start + h * e) - loss(start - h * e)) / (2 * h) for e in np.eye(3)]
    np.testing.assert_allclose(method.w.detach().numpy(), start - 0.1 * np.array(slope), atol=1e-8)
    assert history[1]["train_loss"] == pytest.approx(loss(start))
    # Validation stays on the answer: it decides which weights are kept.
    assert history[1]["validation_loss"] == pytest.approx(method.loss(*data).item())


def test_a_method_without_iterates_has_none_to_supervise():
    data = chain_data()
    recipe = Recipe(steps=1, supervise="every_iterate")
    with pytest.raises(ValueError, match="supervise is every_iterate, and Affine is not iterative"):
        gradient_descent([Affine(2)], [data], [data], recipe, [torch.Generator()])


def test_members_fitted_together_are_those_fitted_apart_at_every_iterate():
    data, recipe = chain_data(), Recipe(steps=20, batch_size=8, supervise="every_iterate")
    together, apart = [Chain(), Chain()], [Chain(), Chain()]
    rngs = [torch.Generator().manual_seed(i) for i in range(2)]
    gradient_descent(together, [data] * 2, [data] * 2, recipe, rngs)
    for i, member in enumerate(apart):
        rng = torch.Generator().manual_seed(i)
        gradient_descent([member], [data], [data], recipe, [rng])
        torch.testing.assert_close(together[i].w, member.w, rtol=0, atol=1e-12)
