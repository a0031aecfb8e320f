"""The README and the pages of results say what results say, and their links lead somewhere."""

import re
from pathlib import Path

import pytest
from records import RECORD

from mbdl_repro.errors import UserError
from mbdl_repro.experiments.reading import load_all, load_scale
from mbdl_repro.reporting import readme
from mbdl_repro.reporting.numbers import anchor
from mbdl_repro.reporting.readme.parts import areas_table
from mbdl_repro.reporting.readme.results import training_seconds
from mbdl_repro.store.files import table_to_bytes
from mbdl_repro.store.records import record_path, write_outputs

FOLDER = Path("workflow/experiments")


def spent(**train_seconds: float) -> dict[str, dict[str, float]]:
    return {
        label: {"train_seconds": seconds, "evaluate_seconds": 60.0}
        for label, seconds in train_seconds.items()
    }


@pytest.fixture
def three(store):
    """Three experiments on one scenario: the second and third add a training size, then a rho.

    LISTA has a fit at 100 in the first, at 100 and 200 in the second and third. The third asks
    for it twice: once as the second does, and once with another rho. ISTA, whose rho is tuned,
    has one fit in each: the same but for the last, where more values are tried.
    """
    first = (FOLDER / "5.06_lista.yaml").read_text(encoding="utf-8")
    second = first.partition("published:")[0].replace("n_train: [100]", "n_train: [100, 200]")
    second = second.replace("y: squared_error}", "y: squared_error, where: {n_train: 100}}")
    again = "\n  lista_again: {method: lista, iterations: 5, rho: 0.1, recipe: {steps: 30}}"
    other = "\n  lista_other: {method: lista, iterations: 5, rho: 0.2, recipe: {steps: 30}}"
    third = second.replace("legend: LISTA}", "legend: LISTA}" + again + other)
    third = third.replace("rho: [0.01, 0.02]", "rho: [0.01, 0.02, 0.04]")
    (FOLDER / "7.02_more.yaml").write_text(second, encoding="utf-8")
    (FOLDER / "7.03_most.yaml").write_text(third, encoding="utf-8")
    costs = {
        "5.06_lista": spent(ista=600.0, ista_book=0.0, lista=1200.0),
        "6.01_linear": spent(generative=120.0),
        "7.02_more": spent(ista=600.0, ista_book=0.0, lista=3600.0),
        "7.03_most": spent(ista=900.0, lista=3600.0, lista_again=0.0, lista_other=4800.0),
    }
    for name, cost in costs.items():
        write_outputs({store.seed_rows(name): table_to_bytes([{"a": 1}])}, RECORD | {"cost": cost})
    return costs


def test_a_fit_that_experiments_share_counts_in_the_first(three):
    seconds = training_seconds(load_all(load_scale("full")).values(), three)
    assert seconds == {
        "5.06_lista": 600 + 1200,
        "6.01_linear": 120,
        "7.02_more": 3600 / 2,  # one of two sizes is new, and ISTA is not
        "7.03_most": 900 + 4800,  # ISTA is tuned over more, and one LISTA is new
    }


def test_another_order_counts_them_elsewhere_and_as_many(three):
    experiments = load_all(load_scale("full"))
    names = ["7.03_most", "7.02_more", "6.01_linear", "5.06_lista"]
    seconds = training_seconds([experiments[name] for name in names], three)
    assert seconds["7.03_most"] == 900 + 3600 + 4800
    assert seconds["7.02_more"] == 600  # ISTA alone
    assert seconds["5.06_lista"] == 0


def test_the_table_of_cost_ends_with_totals_by_area(three):
    lines = readme.costs_page(readme.Results()).splitlines()
    begin = lines.index("| experiment | training | evaluation |")
    assert lines[begin + 2 :] == [
        "| 5.06_lista | 30 min | 3 min |",
        "| 6.01_linear | 2 min | 60 s |",
        "| 7.02_more | 30 min | 3 min |",
        "| 7.03_most | 1.6 h | 4 min |",
        "| **Linear estimation** | 2 min | 60 s |",
        "| **Sparse recovery** | 2.6 h | 10 min |",
        "| **all** | 2.6 h | 11 min |",
    ]
    parts = readme.parts(readme.Results())
    assert parts["cost"] == "84 min on 2 cores"
    assert parts["telling_cost"] == "33 min on one core"


def test_a_cost_without_a_record_is_refused(store):
    record_path(store.seed_rows("6.01_linear")).write_text("{}", encoding="utf-8")
    with pytest.raises(UserError, match=r"6\.01_linear\.record\.json is missing or damaged"):
        readme.costs_page(readme.Results())


def test_parts_are_written_where_they_are_marked():
    begun = """Before.
<!-- areas: written by mbdl readme -->
old
lines
<!-- end -->
It takes <!-- cost: written by mbdl readme -->long<!-- end -->.
"""
    text = readme.filled(begun, {"areas": "| new |", "cost": "1 h"})
    assert "readme -->\n| new |\n<!-- end -->\nIt takes" in text
    assert text.endswith("readme -->1 h<!-- end -->.\n")
    with pytest.raises(UserError, match="marks a part 'cost'"):
        readme.filled(begun, {"areas": ""})


def test_pages_are_the_readme_and_all_pages_of_results(store):
    readme.README.write_text("<!-- cost: written by mbdl readme --><!-- end -->", encoding="utf-8")
    pages = readme.pages()
    names = ("experiments", "gallery", "verdicts", "costs", "cited")
    assert set(pages) == {readme.README, *(readme.PAGES / f"{name}.md" for name in names)}
    # The fits of ISTA and LISTA, 150 s each, and six evaluations of 1.5 s, on two cores.
    assert "3 min on 2 cores" in pages[readme.README]


def test_areas_say_how_many_claims_hold(store):
    lines = areas_table(readme.Results()).splitlines()
    assert lines[2].endswith(") | 1 | 2 | 0 of 2 | – |")  # undecided, and not run
    assert lines[3].endswith("#sparse-recovery) | 1 | 2 | 1 of 2 | 1 of 1 |")
    assert lines[4] == "| **all** | 2 | 4 | 1 of 4 | 1 of 1 |"


def test_verdicts_list_what_does_not_hold_and_nothing_else(store):
    page = readme.verdicts_page(readme.Results())
    assert "Tuning is in vain" in page
    assert "LISTA is better" not in page
    assert "Of 2 claims, 1 holds, 1 fails. Of 1 published number, 1 holds." in page


def test_what_experiments_say_is_text_and_no_marks(store):
    page = readme.gallery_page(readme.Results())
    assert r"**Learned \<ISTA\> & friends.** Five layers" in page
    assert "\n### 5.06_lista\n" in page
    assert "(../../figures/5.06_lista.png)" in page


# --- what the repository has ---

ROOT = Path(__file__).parents[2]
GENERATED = ROOT / "docs/generated"
PAGES = [page for page in (ROOT / "docs").rglob("*.md") if not page.is_relative_to(GENERATED)]
WRITTEN = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(PAGES)]


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings_that_there_are(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        path, _, heading = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if heading:
            lines = target.read_text(encoding="utf-8").splitlines()
            there = {anchor(line.lstrip("# ")) for line in lines if line.startswith("#")}
            assert heading in there, link


def test_the_readme_is_short():
    assert len(WRITTEN[0].read_text(encoding="utf-8").splitlines()) <= 200
