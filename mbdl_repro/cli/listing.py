"""Commands that list experiments and methods."""

from __future__ import annotations

from typing import Any

import click

from mbdl_repro.cli.commands import Command
from mbdl_repro.cli.options import AREA, json_option, scale_option
from mbdl_repro.cli.shared import as_json, bold, put, state_of


@click.command(
    cls=Command,
    examples=("mbdl examples", "mbdl examples --area tracking"),
    keys="a list; each has name, kind (experiment or comparison), title, example, section, area, "
    "methods, claims (how many), results (made, partly made, not made, damaged)",
)
@click.option("--area", type=AREA, help="Only those of this running example.")
@scale_option
@json_option
def examples(area: str | None, scale_name: str, in_json: bool) -> None:
    """List the experiments, and comparisons of several, and whether results are made."""
    from mbdl_repro.reporting import tables

    listed = [*_experiments(area, scale_name), *([] if area else _comparisons(scale_name))]
    if in_json:
        put(as_json(listed))
        return
    head = ["experiment", "area", "methods", "claims", "results"]
    rows = [
        [
            f"{one['name']}\n  {one['title']}",
            one["area"] or "several",
            "" if one["methods"] is None else str(one["methods"]),
            str(one["claims"]),
            one["results"],
        ]
        for one in listed
    ]
    put(tables.as_text(head, rows))


def _experiments(area: str | None, scale_name: str) -> list[dict[str, Any]]:
    """Return what is listed of each experiment."""
    from mbdl_repro.experiments import reading
    from mbdl_repro.store.paths import Store

    scale = reading.load_scale(scale_name)
    store = Store.of(scale)
    return [
        {
            "name": e.name,
            "kind": "experiment",
            "title": e.book.title,
            "example": e.book.example,
            "section": e.book.section,
            "area": e.area,
            "methods": len(e.methods),
            "claims": len(e.claims),
            "results": state_of(store, e.name, store.table(e.name)),
        }
        for e in reading.load_all(scale).values()
        if area in (None, e.area)
    ]


def _comparisons(scale_name: str) -> list[dict[str, Any]]:
    """Return what is listed of each comparison."""
    from mbdl_repro.comparisons import reading as comparisons
    from mbdl_repro.experiments import reading
    from mbdl_repro.store.paths import Store

    store = Store.of(reading.load_scale(scale_name))
    return [
        {
            "name": c.name,
            "kind": "comparison",
            "title": c.book.title,
            "example": c.book.example,
            "section": c.book.section,
            "area": None,
            "methods": None,
            "claims": len(c.claims),
            "results": state_of(store, c.name, store.comparison(c.name)),
        }
        for c in comparisons.load_all().values()
    ]


@click.command(
    cls=Command,
    examples=("mbdl methods", "mbdl methods --area sparse_recovery"),
    keys="a list; each has name, area, family, section, learned (what it learns), parent (the "
    "classical method that it equals before it is fitted, or null), does (in a sentence)",
)
@click.option("--area", type=AREA, help="Only those of this running example.")
@json_option
def methods(area: str | None, in_json: bool) -> None:
    """List the methods along the continuum, with the classical parent of each."""
    from mbdl_repro import catalogue
    from mbdl_repro.reporting import docstrings

    infos = [i for name in _areas(area) for i in catalogue.methods(name).values()]
    infos.sort(key=lambda info: (info.area, info.family.rank))
    if in_json:
        put(as_json([_described(info) for info in infos]))
        return
    for name in _areas(area):
        click.echo(bold(name))
        here = [info for info in infos if info.area == name]
        for family in dict.fromkeys(info.family for info in here):
            heading = f"{family.title} (Section {family.section}): learns {family.learned}"
            click.echo(docstrings.wrapped(heading, "  "))
            _show_methods([info for info in here if info.family is family], here)


def _areas(area: str | None) -> list[str]:
    from mbdl_repro.cli.options import areas

    return areas() if area is None else [area]


def _described(info: Any) -> dict[str, Any]:
    from mbdl_repro.reporting import docstrings

    return {
        "name": info.name,
        "area": info.area,
        "family": info.family.title,
        "section": info.family.section,
        "learned": info.family.learned,
        "parent": info.parent,
        "does": docstrings.first_sentence(info.doc),
    }


def _show_methods(infos: list[Any], beside: list[Any]) -> None:
    """Print methods, a line each; their names as wide as all that stand beside them."""
    from mbdl_repro.reporting import tables

    width = max(len(info.name) for info in beside)
    rows = []
    for info in infos:
        parent = f" (parent: {info.parent})" if info.parent else ""
        rows.append([f"    {info.name:{width}}", _described(info)["does"] + parent])
    put(tables.as_text([], rows))
