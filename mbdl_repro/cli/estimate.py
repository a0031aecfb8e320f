"""The command that estimates from observations in a file."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from mbdl_repro.cli.commands import Command
from mbdl_repro.cli.options import EXPERIMENT, METHOD
from mbdl_repro.cli.shared import put
from mbdl_repro.errors import UserError

if TYPE_CHECKING:
    import numpy as np


@click.command(
    cls=Command,
    examples=(
        "mbdl estimate 5.10_subspacenet subspacenet --input x.npy --output angles.npy",
        "mbdl estimate 5.10 esprit --input x.npy",
    ),
)
@click.argument("experiment_name", metavar="EXPERIMENT", type=EXPERIMENT)
@click.argument("method_name", metavar="METHOD", type=METHOD)
@click.option(
    "--input",
    "source",
    type=click.Path(path_type=Path),
    required=True,
    help="Observations x (n, ...): a file of NumPy, .npy, or .npz that holds x.",
)
@click.option(
    "--output", type=click.Path(path_type=Path), help="Where estimates go, a .npy file; else shown."
)
def estimate(experiment_name: str, method_name: str, source: Path, output: Path | None) -> None:
    """Estimate from your own observations, by a method as an experiment trained it."""
    if output is not None and output.suffix != ".npy":
        raise UserError(f"--output {output}: estimates are written as a .npy file")
    x = _observations(source)
    from mbdl_repro.face import estimating, kept  # which load torch
    from mbdl_repro.store.files import write_bytes

    method = kept.load(experiment_name, method_name)
    made_by = cast("dict[str, Any]", method.made_by)
    if made_by["label"] != method_name:
        click.echo(f"{method_name} is {made_by['label']} of {made_by['experiment']}", err=True)
    try:
        found = estimating.estimate(method, x)
    except ValueError as error:
        raise UserError(f"{source}: {error}") from None
    _tell_of_rows_without_answer(found)
    if output is None:
        put(_as_text(found))
        return
    import numpy as np

    content = io.BytesIO()
    np.save(content, found)
    write_bytes(output, content.getvalue())
    click.echo(f"wrote {output}: estimates of shape {found.shape}")


def _observations(path: Path) -> np.ndarray:
    """Read the array of a file."""
    import numpy as np

    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            if "x" in loaded:
                return np.asarray(loaded["x"])
            raise UserError(f"{path}: holds {', '.join(loaded) or 'nothing'}: it should hold x")
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: no file that numpy.save writes: {error}") from None


def _tell_of_rows_without_answer(found: np.ndarray) -> None:
    import numpy as np

    n_without = int(np.isnan(found).reshape(len(found), -1).any(1).sum())
    if n_without:
        click.echo(f"{n_without} of {len(found)} rows have no answer: they are NaN", err=True)


def _as_text(found: np.ndarray) -> str:
    """Return estimates as lines, a row each."""
    if found.ndim > 2:
        raise UserError(f"estimates have shape {found.shape}: say --output, a .npy file")
    import numpy as np

    text = io.StringIO()
    np.savetxt(text, found, fmt="%.8g")
    return text.getvalue()
