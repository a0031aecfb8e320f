"""The generated pages: one an experiment, a comparison and a method, and what leads to them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from mbdl_repro import catalogue
from mbdl_repro.contract.scenario import Scenario
from mbdl_repro.contract.table import distinct
from mbdl_repro.reporting import numbers
from mbdl_repro.reporting.facts.book import Facts
from mbdl_repro.reporting.facts.claims import Claim, counts
from mbdl_repro.reporting.facts.words import COMPARISONS, area_title, place_in
from mbdl_repro.reporting.markdown import escaped, prose
from mbdl_repro.reporting.site.book import sections
from mbdl_repro.reporting.site.links import GENERATED

MARKS = {"holds": "✓", "surpassed": "✓", "fails": "✗", "undecided": "?", "not run": "–"}


def write(root: Path) -> None:
    """Write all pages; those that are as they were are left alone, and what is none is removed.

    Args:
        root: the project's folder.
    """
    with contextlib.chdir(root):
        pages = written(Facts.of("full"))
    folder = root / GENERATED
    for path in set(folder.rglob("*.md")) - {folder / name for name in pages}:
        path.unlink()
    for name, text in pages.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


def written(facts: Facts) -> dict[str, str]:
    """Return the text of each page, by its path within the folder of generated pages.

    Args:
        facts: of all experiments.
    """
    render = _Templates()
    experiments = {name: facts.experiment(name) for name in facts.experiments}
    compared = {name: facts.comparison(name) for name in facts.comparisons}
    methods = {one: facts.method(*one) for one in facts.methods}
    pages = {f"experiments/{n}.md": render("experiment", e=e) for n, e in experiments.items()}
    pages |= {f"comparisons/{n}.md": render("comparison", e=e) for n, e in compared.items()}
    for (area, name), method in methods.items():
        class_name = catalogue.methods(area)[name].class_name
        pages[f"methods/{area}/{name}.md"] = render("method", m=method, class_name=class_name)
    areas = catalogue.areas()
    by_area: dict[str, dict[str, Any]] = {
        "experiments": {
            area: [e for e in experiments.values() if e.area == area] for area in areas
        },
        "methods": {area: [m for m in methods.values() if m.area == area] for area in areas},
    }
    for kind, found in by_area.items():
        pages[f"{kind}/index.md"] = render(f"{kind}_index", areas=found)
    pages["comparisons/index.md"] = render("comparisons_index", comparisons=compared.values())
    shown = {COMPARISONS: list(compared.values()), **by_area["experiments"]}
    pages["gallery.md"] = render("gallery", areas=shown)
    pages["truths.md"] = render("truths", areas={area: _truths(area) for area in areas})
    pages["map.md"] = render("map", sections=sections(facts))
    return pages


def _truths(area: str) -> dict[str, list[str]]:
    """Return where scenarios, with what they share, metrics and bounds of an area are defined."""
    bases = (one for cls in catalogue.scenarios(area).values() for one in reversed(cls.__mro__))
    groups = {
        "Scenarios": [one for one in bases if issubclass(one, Scenario) and one is not Scenario],
        "Metrics": [*map(catalogue.function, catalogue.metrics(area).values())],
        "Bounds": [*map(catalogue.function, catalogue.bounds(area).values())],
    }
    return {
        title: distinct(f"{one.__module__}.{one.__qualname__}" for one in group)
        for title, group in groups.items()
    }


class _Templates:
    """The templates of pages, with the words that they have in common."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=PackageLoader("mbdl_repro.reporting.site"),
            autoescape=False,  # it is Markdown: texts are escaped by the filter md
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {
            "md": escaped,
            "cell": lambda text: " ".join(escaped(str(text)).split()) or "–",
            "prose": prose,
            "seconds": numbers.seconds,
            "number": numbers.number,
            "area": area_title,
            "place": place_in,
            "counted": _counted,
        }
        self._environment.globals |= {"marks": MARKS}

    def __call__(self, template: str, **given: Any) -> str:
        """Return a page."""
        return self._environment.get_template(f"{template}.md.j2").render(**given).strip() + "\n"


def _counted(claims: Iterable[Claim]) -> str:
    """Return how claims fared, in a few words."""
    verbs = {"holds": "hold", "fails": "fail"}
    words = [
        f"{MARKS[verdict]} {n} {verdict if n == 1 else verbs.get(verdict, verdict)}"
        for verdict, n in counts(claims).items()
    ]
    return " · ".join(words) or "No claim is made."
