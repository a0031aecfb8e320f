"""The report is a folder of sound, small pages that show everything, and ask no network."""

import html
import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urldefrag, urlsplit

import pytest
from html_pages import Parsed
from jobs import job

from mbdl_repro import catalogue
from mbdl_repro.errors import UserError
from mbdl_repro.experiments import reading as experiment_file
from mbdl_repro.pipeline.job import Job
from mbdl_repro.pipeline.stages.gather import gather
from mbdl_repro.pipeline.stages.verify import verify
from mbdl_repro.pipeline.verbs import Task
from mbdl_repro.reporting.layout import BOOK, method_page, page_of
from mbdl_repro.reporting.report import report
from mbdl_repro.store.records import damage

MOST_BYTES = 1_000_000


def written(store, chosen: str | None = None) -> dict[str, bytes]:
    """Write the report of all experiments, or of some; return its files by name."""
    scale = experiment_file.load_scale("full")
    book = experiment_file.load_all(scale, chosen)
    report(Job(Task("report", chosen=tuple(book) if chosen else ()), book, scale))
    folder = store.report(chosen=bool(chosen)).parent
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.*")}
    return {name: path.read_bytes() for name, path in files.items() if "record" not in name}


def html_of(files: dict[str, bytes]) -> dict[str, Parsed]:
    return {name: Parsed(text.decode()) for name, text in files.items() if name.endswith("html")}


def shown(files: dict[str, bytes]) -> str:
    return re.sub(r"\s+", " ", " ".join(page.text for page in html_of(files).values()))


def ids_and_links_are_sound(files: dict[str, bytes]) -> None:
    pages = html_of(files)
    ids = {name: page.values("id") for name, page in pages.items()}
    for name, page in pages.items():
        assert len(ids[name]) == len(set(ids[name])), name
        for address in {*page.values("href"), *page.values("src"), *page.values("action")}:
            if address in (BOOK, "data:,"):
                continue
            assert not urlsplit(address).scheme, address
            file, anchor = urldefrag(address)
            target = (Path("/", name).parent / file).as_posix() if file else f"/{name}"
            target = re.sub(r"/[^/]+/\.\.", "", target).removeprefix("/")
            assert target in files, f"{name} links to {address}"
            if anchor and "=" not in anchor:
                assert anchor in ids[target], f"{name} links to {address}"


def test_pages_are_sound_and_their_links_lead_somewhere(store):
    ids_and_links_are_sound(written(store))


def test_pages_of_what_is_kept_are_sound_and_small(kept):
    ids_and_links_are_sound(kept.files)
    for name, content in kept.files.items():
        assert len(content) < MOST_BYTES, name
    pages = [content.decode() for name, content in kept.files.items() if name.endswith("html")]
    titles = [title for page in pages for title in re.findall(r"<title>(.*?)</title>", page)]
    assert len(set(titles)) == len(titles) == len(pages)


def test_each_experiment_and_each_method_has_its_page(kept):
    for name in (*kept.facts.experiments, *kept.facts.comparisons):
        assert page_of(name) in kept.files
    for area in catalogue.areas():
        for name in catalogue.methods(area):
            assert method_page(area, name) in kept.files


def test_each_verdict_is_a_row_of_the_claims(kept):
    page = Parsed(kept.files["claims.html"].decode())
    rows = [attributes for tag, attributes in page.tags if tag == "tr"]
    assert len(rows) == 1 + len(kept.facts.verdicts)
    assert sum("class" in row for row in rows) == (kept.facts.verdicts["kind"] == "published").sum()


def test_each_claim_stands_on_the_page_of_its_experiment(kept):
    for name, claims in kept.facts.claims.items():
        page = Parsed(kept.files[page_of(name)].decode())
        assert [c.anchor for c in claims] == [i for i in page.values("id") if "claim-" in i]


def test_pages_can_be_used_without_eyes_or_a_mouse(kept):
    """A language, one heading of the first level, and names of fields, images and tables."""
    for name, page in html_of(kept.files).items():
        tags = [tag for tag, _ in page.tags]
        assert ("html", {"lang": "en"}) in page.tags, name
        assert tags.count("h1") == tags.count("main") == 1, name
        assert all(words.get("scope") for tag, words in page.tags if tag == "th"), name
        assert all(words.get("alt") for tag, words in page.tags if tag == "img"), name
        labelled = page.values("for")
        for tag, words in page.tags:
            if tag == "input":
                assert words.get("id") in labelled or words["name"] == "words", name
        boxes = [words for tag, words in page.tags if words.get("class") == "scroll"]
        assert all(box["tabindex"] == "0" and box["aria-label"] for box in boxes), name


def test_pages_ask_nothing_of_the_network(store):
    files = written(store)
    text = b"".join(content for name, content in files.items() if not name.endswith("png")).decode()
    assert set(re.findall(r"\w+://[^\"'\s<`]+", text)) == {BOOK}
    assert not re.search(r"@import|url\(|fetch\(", text)


def test_pages_show_every_experiment_claim_and_method(store):
    files = written(store)
    text = shown(files)
    for experiment in experiment_file.load_all(experiment_file.load_scale("full")).values():
        expected = [experiment.book.title, experiment.book.says, experiment.figure.caption]
        expected += [c.says for c in experiment.claims if c.kind == "claim"]
        expected += [c.source for c in experiment.claims if c.source != "ours"]
        expected += [c.remark for c in experiment.claims if c.remark]
        for entry in experiment.methods.values():
            expected += [entry.legend, entry.info.family.title, entry.info.path.name]
            expected += list(entry.info.settings)
        for what in expected:
            assert what in text, what
    for verdict in ("✓ holds", "✗ fails", "~ undecided", "– not run"):
        assert verdict in text
    assert "4 claims" in text
    assert "published 0.5" in text
    assert "s_{k+1} = T_{β_k}(s_k + μ_k (A x − B s_k))" in text
    assert "1,234 numbers" in text
    assert "2.5 min 1.5 s" in text
    assert "commit 0123456789ab+ (+: with changes since)" in text
    assert "2026-01-02 03:04:05 UTC" in text


def test_methods_stand_down_and_places_across(store):
    page = Parsed(written(store)["experiments/6.01_linear.html"].decode())
    assert re.search(r"noise_std\s+0.1\s+0.3\s+MMSE", page.text)


def test_markup_in_a_claim_is_text(store):
    text = written(store)["experiments/5.06_lista.html"].decode()
    claim = html.escape('<script>alert("ISTA")</script> & co.', quote=False)
    assert claim in text.replace("&#34;", '"')


def test_search_finds_experiments_methods_and_claims(store):
    script = written(store)["assets/index.js"].decode()
    entries = json.loads(script.removeprefix("window.PAGES = ").removesuffix(";\n"))
    kinds = [kind for _, kind, _, _ in entries]
    assert {"experiment": 2, "claim": 5}.items() <= {k: kinds.count(k) for k in kinds}.items()
    assert kinds.count("method") == sum(len(catalogue.methods(a)) for a in catalogue.areas())
    assert ["experiments/6.01_linear.html#claim-2", "claim", "Nobody looked."] in [
        entry[:3] for entry in entries
    ]


def test_same_results_give_the_same_pages(store):
    assert written(store) == written(store)


def test_a_report_of_some_leaves_the_report_of_all_as_it_is(store):
    everything = written(store)
    some = written(store, "5.06_lista")
    assert {name for name in some if name.startswith("experiments/")} == {
        "experiments/5.06_lista.html"
    }
    assert "A report of 1 chosen experiment," in shown(some)
    assert "chosen experiment" not in shown(everything)
    ids_and_links_are_sound(some)
    assert written(store) == everything


def test_a_lost_or_altered_page_is_damage(store):
    written(store)
    start = store.report()
    assert damage(start) is None
    for harm in (Path.unlink, lambda path: path.write_bytes(b"mine")):
        page = start.parent / "methods/sparse_recovery.lista.html"
        harm(page)
        assert "methods/sparse_recovery.lista.html, which belongs to it" in str(damage(start))
        written(store)
        assert damage(start) is None
    assert (page.parent / f"{page.name}.damaged").read_bytes() == b"mine"


def test_pages_of_what_there_no_longer_is_are_removed(store):
    written(store)
    Path("workflow/experiments/6.01_linear.yaml").unlink()
    scale = experiment_file.load_scale("full")
    gather(job("gather", experiment_file.load_all(scale), scale))
    files = written(store)
    assert "experiments/6.01_linear.html" not in files
    assert "experiments/5.06_lista.html" in files


def test_experiment_without_claims_has_its_page(store):
    path = Path("workflow/experiments/6.01_linear.yaml")
    path.write_text(path.read_text(encoding="utf-8").split("claims:")[0], encoding="utf-8")
    scale = experiment_file.load_scale("full")
    verify(job("verify", experiment_file.load("6.01_linear", scale), scale))
    gather(job("gather", experiment_file.load_all(scale), scale))
    assert "A linear estimator" in shown(written(store))


@pytest.mark.parametrize("what", ["figure", "table", "verdicts"])
def test_missing_or_damaged_result_is_named(store, what):
    path = store.verdicts() if what == "verdicts" else getattr(store, what)("5.06_lista")
    path.write_bytes(b"not as it was made")
    with pytest.raises(UserError, match=f"{re.escape(str(path))} is damaged"):
        written(store)
    path.unlink()
    with pytest.raises(UserError, match=f"{re.escape(str(path))} is missing: run snakemake"):
        written(store)


def test_report_needs_neither_torch_nor_matplotlib():
    code = (
        "import sys, mbdl_repro.reporting.report; print({'torch', 'matplotlib'} & {*sys.modules})"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.stdout == "set()\n", answer.stderr
