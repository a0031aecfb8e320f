"""What a controller is, and the loop that it acts in."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from mbdl_repro.areas.tracking.control.model import LinearPolicy, Plant
from mbdl_repro.contract.scenario import Split


@runtime_checkable
class Policy(Protocol):
    """A controller: what it remembers is passed in and returned, and kept nowhere else."""

    def start(self, rows: tuple[int, ...], T: int) -> Any:
        """Return what it remembers before anything is measured.

        Args:
            rows: how many loops are to be controlled side by side; of a stack of fits, (members,
                rows).
            T: steps that there will be.
        """

    def act(
        self, memory: Any, x: Annotated[Tensor, "(..., n)"], u: Annotated[Tensor, "(..., p)"]
    ) -> tuple[Tensor, Any]:
        """Return the next input (..., p), and what it remembers then.

        Args:
            memory: what it remembers.
            x: what is measured now, (..., n).
            u: the input that has been applied since the last measurement, (..., p).
        """


@runtime_checkable
class HasLinearPolicy(Protocol):
    """A controller that is linear, and says which."""

    def linear_policy(self, T: int) -> LinearPolicy[Tensor]:
        """Return its matrices for loops of T steps."""


class Loop(NamedTuple):
    """What happened in a loop."""

    states: Tensor  # (..., rows, T, m)
    inputs: Tensor  # (..., rows, T − 1, p)


def closed_loop(
    policy: Policy, plant: Plant[Tensor], split: Split, probe: Annotated[Tensor, "(T, p)"]
) -> Loop:
    """Let a controller act in place of the inputs of recorded experiments.

    What the plant does not explain of a record were its disturbances,

    v_t = s_t − F s_{t−1} − B u_{t−1},  w_t = x_t − H s_t,

    and these come again, at the same steps, while the controller chooses u_1 … u_{T−1}. So two
    controllers meet the same disturbances, and those of the true plant are the true ones. Of
    another plant they hold its errors, too, as if these did not depend on the state. Of an input
    beyond the plant's limit, the limit is applied, and that is what the controller is told.

    Args:
        policy: the controller.
        plant: in which it acts; for a stack of fits, its matrices have an axis of members first.
        split: records, x (..., rows, T, n) and s (..., rows, T, m).
        probe: inputs u_0 … u_{T−1} of the records, (T, p); u_0 = 0.
    """
    x, s = split
    F, B, H = (matrix.mT for matrix in plant[:3])
    applied = probe[1:].expand(*s.shape[:-2], -1, -1)
    v = s[..., 1:, :] - through(s[..., :-1, :], F) - through(applied, B)
    w = (x - through(s, H)).unbind(-2)
    state, T = s[..., 0, :], len(w)
    memory = policy.start(tuple(state.shape[:-1]), T)
    u = state.new_zeros(*state.shape[:-1], probe.shape[-1])
    states, inputs = [state], []
    for t, v_t in enumerate(v.unbind(-2)):
        u, memory = policy.act(memory, state @ H + w[t], u)
        u = u.clamp(-plant.limit, plant.limit)
        state = state @ F + u @ B + v_t
        states.append(state)
        inputs.append(u)
    return Loop(torch.stack(states, -2), torch.stack(inputs, -2))


def through(
    values: Annotated[Tensor, "(..., rows, T, k)"], matrix: Annotated[Tensor, "(k, l)"]
) -> Annotated[Tensor, "(..., rows, T, l)"]:
    """Return rows times a matrix, (..., rows, T, l).

    Args:
        values: the rows, (..., rows, T, k).
        matrix: (k, l), or a stack of them, (members, k, l).
    """
    return values @ (matrix if matrix.ndim == 2 else matrix.unsqueeze(-3))


def loop_cost(loop: Loop, plant: Plant[Tensor]) -> Annotated[Tensor, "(..., rows)"]:
    """Return the mean over steps of sᵀ Q s + uᵀ R u, of each row (..., rows).

    Args:
        loop: states of T steps, and inputs of all but the last.
        plant: of which Q and R are read.
    """
    of_states = (through(loop.states, plant.Q) * loop.states).flatten(-2).sum(-1)
    of_inputs = (through(loop.inputs, plant.R) * loop.inputs).flatten(-2).sum(-1)
    return (of_states + of_inputs) / loop.states.shape[-2]
