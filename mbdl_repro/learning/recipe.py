"""How a learned method is trained: the numbers that an experiment file may set."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


class Recipe(BaseModel):
    """Settings of gradient descent; the weights with the least validation loss are kept."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    learning_rate: Positive = 1e-3
    schedule: Literal["constant", "cosine"] = "cosine"
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Used by ``sgd`` only."""
    weight_decay: NonNegative = 0.0
    steps: Count = 1000
    batch_size: Count = 128
    """Rows drawn a step, without replacement within a pass over the data."""
    supervise: Literal["answer", "every_iterate"] = "answer"
    """What is held against the targets: the answer, in the method's own loss, or, for iterative
    methods, every iterate, in the mean of their logarithmic errors. All layers of a deep network
    then learn from the first step on. Validation is on the answer always."""
    clip_norm: Positive | None = None
    """Largest norm of a member's gradient; longer ones are scaled down to it."""
    validate_every: Count = 50
    patience: Count | None = None
    """Stop after this many validations without improvement; ``null``: never early."""
    precision: Literal["single", "double"] = "double"
    """Arithmetic of the fit. Networks of images, and to covariances, answer in single precision;
    all else does in double."""
    together: bool = False
    """Fit the seeds of a block side by side, as one batched computation."""

    @model_validator(mode="after")
    def _stops_alone(self) -> Recipe:
        if self.together and self.patience is not None:
            raise ValueError(
                "patience stops a fit early, and fits that go together end together: "
                "leave out patience, or together"
            )
        return self
