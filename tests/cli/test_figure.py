"""A figure, or a panel of it, for a page or a slide, and every mistake in asking for one."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import mbdl, mistake
from PIL import Image
from records import RECORD

from mbdl_repro.store.files import arrays_to_bytes, table_to_bytes
from mbdl_repro.store.records import write_outputs

LISTA = ["figure", "5.06"]
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def made(store):
    """What figures read beside rows and table: here, no examples and no histories."""
    histories = pd.DataFrame({"method": [], "n_train": [], "seed": [], "step": []})
    name = "5.06_lista"
    outputs = {
        store.shown(name): arrays_to_bytes({"none": np.zeros(1)}),
        store.histories(name): table_to_bytes(histories),
    }
    # They have one record with the rows.
    outputs |= {path: path.read_bytes() for path in (store.seed_rows(name), store.groups(name))}
    record = RECORD | {"scale": "full", "commit": "0123456789ab", "device": "cpu"}
    record |= {"created": "2026-01-02T03:04:05+00:00", "versions": {}}
    write_outputs(outputs, record)


def test_a_figure_is_written_here_in_the_format_that_is_asked_for():
    mbdl(*LISTA)
    assert Path("5.06_lista.png").read_bytes().startswith(b"\x89PNG")
    mbdl(*LISTA, "--panel", "1", "--format", "svg")
    assert Path("5.06_lista-1.svg").read_bytes().startswith(b"<?xml")


def test_letters_are_larger_on_a_slide(tmp_path):
    sizes = []
    for style in ("paper", "talk"):
        path = tmp_path / f"{style}.png"
        mbdl(*LISTA, "--style", style, "--output", str(path))
        with Image.open(path) as image:
            sizes.append(image.size[0])
    assert sizes[1] > 1.4 * sizes[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--panel", "2"], "no panel 2 of 5.06_lista; allowed: 1 (Convergence)"),
        (["--panel", "0"], "no panel 0 of 5.06_lista; allowed: 1 (Convergence)"),
        (["--style", "tall"], "no style 'tall'; did you mean talk?"),
        (["--format", "jpg"], "no format 'jpg'; did you mean png?"),
    ],
)
def test_what_there_is_not(arguments, words):
    assert words in mistake(*LISTA, *arguments)


@pytest.fixture
def worth():
    """A comparison, ``6_worth``, whose table has a row a family."""
    folder = Path("workflow/comparisons")
    folder.mkdir(parents=True)
    (folder / "6_worth.yaml").write_text(
        'book: {example: null, section: "6", title: Worth, says: It is worth a lot.}\n'
        "kind: worth\ncaption: Pairs.\n",
        encoding="utf-8",
    )
    row = {"example": "sparse recovery", "condition": "wrong H", "model": "wrong", "pairs": 30.0}
    rest = {"smallest": 30.0, "largest": 3000.0, "answer": "from"}
    rows = [{**row, "family": one, **rest} for one in ("generative learning", "deep learning")]
    write_outputs({Path("results/comparisons/6_worth.csv"): table_to_bytes(rows)}, RECORD)


@pytest.mark.usefixtures("worth")
def test_the_figure_of_a_comparison_is_drawn_from_its_table():
    mbdl("figure", "6_worth", "--format", "svg")
    text = Path("6_worth.svg").read_text(encoding="utf-8")
    assert text.startswith("<?xml")
    assert "is a comparison, and drawn whole: leave out --panel" in mistake(
        "figure", "6_worth", "--panel", "1"
    )


@pytest.mark.usefixtures("worth")
def test_a_comparison_that_was_not_made_says_what_makes_it():
    Path("results/comparisons/6_worth.csv").unlink()
    assert "is missing: `mbdl run 6_worth` makes it" in mistake("figure", "6_worth")
    assert "is missing: `mbdl run 6_worth` makes it" in mistake("table", "6_worth")


def test_the_kept_figure_of_a_comparison_is_drawn_again_bit_by_bit(tmp_path, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    path = tmp_path / "drawn.png"
    mbdl("figure", "6.1_worth", "--output", str(path))
    kept = Image.open("figures/6.1_worth_of_a_model.png")
    np.testing.assert_array_equal(np.asarray(Image.open(path)), np.asarray(kept))
