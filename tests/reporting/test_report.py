"""The report is one sound page that shows everything, and asks nothing of the network."""

import html
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jobs import job

from mbdl_repro.errors import UserError
from mbdl_repro.experiments import reading as experiment_file
from mbdl_repro.pipeline.stages.gather import gather
from mbdl_repro.pipeline.stages.verify import verify
from mbdl_repro.reporting.report import BOOK, report
from mbdl_repro.store.records import read_checked

VOID = {"meta", "link", "img", "br"}


def page(store) -> str:
    scale = experiment_file.load_scale("full")
    report(job("report", experiment_file.load_all(scale), scale))
    return read_checked(store.report()).decode()


class Parsed(HTMLParser):
    """A page's text and attributes; its tags must close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.attributes, self.text = [], [], ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text += data


def test_page_is_sound_and_its_links_lead_somewhere(store):
    parsed = Parsed(page(store))
    ids = [value for _, name, value in parsed.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    addresses = {value for _, name, value in parsed.attributes if name == "href"}
    for address in addresses - {BOOK, "data:,"}:
        if address.startswith("#"):
            assert address[1:] in ids
        else:
            assert (store.report().parent / address).is_file()


def test_page_asks_nothing_of_the_network(store):
    text = page(store)
    parsed = Parsed(text)
    sources = [value for _, name, value in parsed.attributes if name in ("src", "srcset")]
    assert sources
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert set(re.findall(r"\w+://[^\"\s<]+", text)) == {BOOK}
    assert not re.search(r"<script|@import|url\(", text)


def test_page_shows_every_experiment_claim_and_method(store):
    text = page(store)
    shown = re.sub(r"\s+", " ", Parsed(text).text)
    for experiment in experiment_file.load_all(experiment_file.load_scale("full")).values():
        expected = [experiment.book.title, experiment.book.says, experiment.figure.caption]
        expected += [c.says for c in experiment.claims if c.kind == "claim"]
        expected += [c.source for c in experiment.claims]
        expected += [c.remark for c in experiment.claims if c.remark]
        for entry in experiment.methods.values():
            expected += [entry.legend, entry.info.family.title, entry.info.path.name]
            expected += list(entry.info.settings)
        for what in expected:
            assert what in shown, what
    for verdict in ("✓ holds", "✗ fails", "~ undecided", "– not run"):
        assert verdict in shown
    assert "4 claims" in shown
    assert "published 0.5" in shown
    assert "s_{k+1} = T_{β_k}(s_k + μ_k (A x − B s_k))" in shown
    assert "1,234 parameters" in shown
    assert "fit 2.5 min · run 1.5 s" in shown
    assert "commit 0123456789ab+ (+: with changes since)" in shown
    assert "2026-01-02 03:04:05 UTC" in shown


def test_markup_in_a_claim_is_text(store):
    text = page(store)
    assert html.escape('<script>alert("ISTA")</script> & co.', quote=False) in text.replace(
        "&#34;", '"'
    )


def test_same_results_give_the_same_page(store):
    assert page(store) == page(store)


def test_experiment_without_claims_has_its_section(store):
    path = Path("workflow/experiments/6.01_linear.yaml")
    path.write_text(path.read_text(encoding="utf-8").split("claims:")[0], encoding="utf-8")
    scale = experiment_file.load_scale("full")
    verify(job("verify", experiment_file.load("6.01_linear", scale), scale))
    gather(job("gather", experiment_file.load_all(scale), scale))
    assert "A linear estimator" in Parsed(page(store)).text


@pytest.mark.parametrize("what", ["figure", "table", "verdicts"])
def test_missing_or_damaged_result_is_named(store, what):
    path = store.verdicts() if what == "verdicts" else getattr(store, what)("5.06_lista")
    path.write_bytes(b"not as it was made")
    with pytest.raises(UserError, match=f"{re.escape(str(path))} is damaged"):
        page(store)
    path.unlink()
    with pytest.raises(UserError, match=f"{re.escape(str(path))} is missing: run snakemake"):
        page(store)


def test_report_needs_neither_torch_nor_matplotlib():
    code = (
        "import sys, mbdl_repro.reporting.report; print({'torch', 'matplotlib'} & {*sys.modules})"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.stdout == "set()\n", answer.stderr
