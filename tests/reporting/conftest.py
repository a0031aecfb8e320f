"""The report of the results that the repository keeps."""

import contextlib
from pathlib import Path
from types import SimpleNamespace

import pytest

from mbdl_repro.experiments.reading import load_all, load_scale, names
from mbdl_repro.reporting.facts.book import Facts
from mbdl_repro.reporting.report import pages
from mbdl_repro.store.paths import Store

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def kept(tmp_path_factory):
    """Its folder, the facts that it shows, and its files by name."""
    with contextlib.chdir(ROOT):
        scale = load_scale("full")
        store = Store.of(scale)
        there = [name for name in names() if store.table(name).exists()]  # not one of your own
        facts = Facts(load_all(scale, ",".join(there)), scale, store, chosen=False)
        files = pages(facts)
    folder = tmp_path_factory.mktemp("report")
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return SimpleNamespace(folder=folder, facts=facts, files=files)
