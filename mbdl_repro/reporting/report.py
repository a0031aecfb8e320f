"""Write the report: a folder of pages that open offline, each of it small."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from mbdl_repro.comparisons import reading as comparisons
from mbdl_repro.pipeline.job import Job
from mbdl_repro.reporting import choices, continuum
from mbdl_repro.reporting.facts.book import Facts
from mbdl_repro.reporting.facts.claims import VERDICTS, Claim, counts
from mbdl_repro.reporting.facts.comparison import ComparisonFacts
from mbdl_repro.reporting.facts.experiment import ExperimentFacts
from mbdl_repro.reporting.facts.method import AS_GOOD, MethodFacts
from mbdl_repro.reporting.facts.words import COMPARISONS, area_title, order_in
from mbdl_repro.reporting.layout import TEMPLATES, method_page, page_of, rendered
from mbdl_repro.reporting.problems import Problems
from mbdl_repro.store.files import read_bytes
from mbdl_repro.store.records import read_checked, read_table

START = "index.html"
KINDS = ("claim", "published")
TALK = "6_talk"
"""The comparison that the start page shows."""
MENU = {
    START: "Start",
    "experiments.html": "Experiments",
    "methods.html": "Methods",
    "claims.html": "All claims",
    "which_method.html": "Which method when",
    "search.html": "Search",
}

Told = ExperimentFacts | ComparisonFacts
Rendered = Callable[..., bytes]
"""A template's name, that of the page, and what else it shows, to the page."""


def report(job: Job) -> None:
    """Write the pages, with the figures and tables that they show."""
    chosen = bool(job.task.chosen)
    made = pages(Facts(job.book, job.scale, job.store, chosen=chosen))
    job.save({job.store.report(chosen=chosen): made.pop(START)}, made)


def pages(facts: Facts) -> dict[str, bytes]:
    """Return all files of the report, by their names from its folder.

    Figures and tables are copied into it, so that the folder can be sent to someone.

    Args:
        facts: what is shown.
    """
    told: list[Told] = [*map(facts.comparison, facts.comparisons)]
    told += map(facts.experiment, facts.experiments)
    told.sort(key=lambda one: order_in(one.book))
    methods = [facts.method(*one) for one in facts.methods]
    made = _copies(facts, told)
    which = choices.CHOICE in facts.comparisons
    menu = {k: title for k, title in MENU.items() if which or not k.startswith("which")}
    addresses = {method_page(method.area, method.name) for method in methods}
    page = partial(
        rendered,
        chosen=facts.chosen,
        experiments=facts.experiments,
        menu=menu,
        names=addresses,
        scale=facts.scale,
    )
    made |= {
        START: _start(page, facts, told, made),
        "experiments.html": _experiments(page, told),
        "methods.html": _methods(page, methods),
        "claims.html": _claims(page, facts),
        "search.html": page("search", "search.html"),
        "assets/index.js": _index(_entries(facts, told, methods)),
    }
    if which:
        made["which_method.html"] = _which(page, facts)
    for i, one in enumerate(told):
        neighbours = {"before": told[i - 1] if i else None, "after": (*told, None)[i + 1]}
        files = {title: _copied(one, title) for title in one.files}
        name = page_of(one.name)
        made[name] = page("experiment", name, e=one, files=files, **neighbours)
    for method in methods:
        name = method_page(method.area, method.name)
        made[name] = page("method", name, f=method, as_good=AS_GOOD)
    return made


# Files that are no pages ------------------------------------------------------------------------


def _copies(facts: Facts, told: Iterable[Told]) -> dict[str, bytes]:
    """Return what pages show and read: style, script, figures, tables."""
    assets = ("report.css", "report.js")
    made = {f"assets/{name}": read_bytes(TEMPLATES / name) for name in assets}
    for one in told:
        made |= {_copied(one, title): read_checked(path) for title, path in one.files.items()}
    if not facts.chosen:
        made["tables/verdicts.csv"] = read_checked(facts.store.verdicts())
    return made


def _copied(one: Told, title: str) -> str:
    """Return the name of the copy of a file of an experiment."""
    path = one.files[title]
    return f"{'tables' if path.suffix == '.csv' else 'figures'}/{path.name}"


def _index(entries: Iterable[tuple[str, ...]]) -> bytes:
    """Return the index of search: a script, as pages opened by double click load no other data."""
    text = json.dumps(list(entries), ensure_ascii=False, separators=(",", ":"))
    return f"window.PAGES = {text};\n".encode()


def _entries(
    facts: Facts, told: Iterable[Told], methods: Iterable[MethodFacts]
) -> Iterable[tuple[str, str, str, str]]:
    """Yield what can be found: address, kind, title, and what else is said."""
    for one in told:
        kind = "experiment" if isinstance(one, ExperimentFacts) else "comparison"
        says = " ".join(one.book.says.split())
        yield page_of(one.name), kind, f"{one.book.title} ({one.name})", says
    for method in methods:
        area = method.area
        said = f"{method.summary}. {method.family.title}, {area_title(area).lower()}"
        yield method_page(area, method.name), "method", method.name.replace("_", " "), said
    for claim in facts.all_claims:
        yield (
            f"{page_of(claim.of)}#{claim.anchor}",
            "claim",
            claim.says,
            (f"{claim.verdict} · {claim.title}"),
        )


# Pages that gather ------------------------------------------------------------------------------


def _start(page: Rendered, facts: Facts, told: list[Told], files: Iterable[str]) -> bytes:
    areas = sorted({experiment.area for experiment in facts.experiments.values()})
    groups = [*areas, *([COMPARISONS] if facts.comparisons else [])]
    by_section = _grouped(facts, lambda claim: claim.section)
    by_area = _grouped(facts, lambda claim: claim.area)
    sections = list(dict.fromkeys(one.book.section for one in told))
    return page(
        "index",
        START,
        tally={kind: counts(facts.all_claims, kind) for kind in KINDS},
        talk=facts.comparison(TALK) if TALK in facts.comparisons else None,
        by_area=[
            _group(area_title(area), sum(_area_of(one) == area for one in told), by_area.get(area))
            for area in groups
        ],
        by_section=[
            _group(s, sum(one.book.section == s for one in told), by_section.get(s))
            for s in sections
        ],
        areas=areas,
        families=continuum.FAMILIES,
        continuum=continuum.cells(facts.experiments, facts.verdicts),
        verdict_files=[name for name in files if name == "tables/verdicts.csv"],
    )


def _area_of(one: Told) -> str:
    return one.area if isinstance(one, ExperimentFacts) else COMPARISONS


def _grouped(facts: Facts, key: Callable[[Claim], str]) -> dict[str, list[Claim]]:
    found: dict[str, list[Claim]] = {}
    for claim in facts.all_claims:
        found.setdefault(key(claim), []).append(claim)
    return found


def _group(title: str, n: int, claims: list[Claim] | None) -> dict[str, Any]:
    """Return a row of how claims fared; its title is what the page of claims filters by."""
    found = {kind: counts(claims or [], kind) for kind in KINDS}
    return {"title": title, "value": title, "n": n, "counts": found}


def _experiments(page: Rendered, told: list[Told]) -> bytes:
    by_section: dict[str, list[dict[str, Any]]] = {}
    for one in told:
        entry = {
            "name": one.name,
            "book": one.book,
            "area": _area_of(one),
            "families": one.families if isinstance(one, ExperimentFacts) else [],
            "counts": counts(one.claims),
        }
        by_section.setdefault(one.book.section, []).append(entry)
    return page("experiments", "experiments.html", by_section=by_section)


def _methods(page: Rendered, methods: list[MethodFacts]) -> bytes:
    by_area: dict[str, list[MethodFacts]] = {}
    for method in methods:
        by_area.setdefault(method.area, []).append(method)
    return page("methods", "methods.html", by_area=by_area)


def _claims(page: Rendered, facts: Facts) -> bytes:
    claims = facts.all_claims
    areas = sorted({area_title(claim.area) for claim in claims})
    sections = sorted({claim.section for claim in claims})
    there = {claim.verdict for claim in claims}
    options = {
        "verdict": [(verdict, verdict) for verdict in VERDICTS if verdict in there],
        "area": [(area, area) for area in areas],
        "section": [(section, section) for section in sections],
    }
    return page("claims", "claims.html", claims=claims, options=options)


def _which(page: Rendered, facts: Facts) -> bytes:
    table = read_table(facts.store.comparison(choices.CHOICE))
    comparison: Any = comparisons.load(choices.CHOICE)
    experiments = facts.experiments
    return page(
        "which_method",
        "which_method.html",
        choice=choices.CHOICE,
        explained=choices.EXPLAINED,
        head=choices.HEAD,
        problems=choices.problems(table, comparison.spec.small),
        measured=Problems(experiments, lambda name: read_table(facts.store.table(name))),
        area_of=lambda name: experiments[name].area,
        method_of=lambda name, label: experiments[name].methods[label].info.name,
    )
