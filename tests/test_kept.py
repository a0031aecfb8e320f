"""What the repository keeps of results: all that tells them, in 0.45 MB an experiment."""

import csv
import io
import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from mbdl_repro import catalogue
from mbdl_repro.comparisons.reading import COMPARISONS
from mbdl_repro.contract.hashing import canonical
from mbdl_repro.contract.method import ClosedFormMethod
from mbdl_repro.experiments.experiment import Experiment
from mbdl_repro.experiments.reading import EXPERIMENTS, load_all, load_scale
from mbdl_repro.store.paths import Store
from mbdl_repro.store.records import read_record, read_table, record_path

ROOT = Path(__file__).parents[1]
MOST_BYTES_EACH = 450_000
"""Of an experiment or a comparison, in the mean over all."""


def tracked(*folders: str) -> list[str]:
    """The names of the files that git keeps in these folders."""
    words = ["git", "ls-files", "-z", "--", *folders]
    try:
        result = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is not a clone")
    return [name for name in result.stdout.split("\0") if (ROOT / name).is_file()]


def kept() -> dict[str, Path]:
    """The files that git keeps of results, by their names in the repository."""
    return {name: ROOT / name for name in tracked("results", "figures")}


def experiments() -> dict[str, Experiment]:
    """The experiments that git keeps: one of your own has no results here."""
    names = [Path(name).stem for name in tracked(EXPERIMENTS.as_posix())]
    return load_all(load_scale("full"), ",".join(names))


def size(path: Path) -> int:
    return path.stat().st_size


def test_all_of_it_is_small():
    sizes = {name: size(path) for name, path in kept().items()}
    largest = sorted(sizes, key=sizes.__getitem__, reverse=True)[:10]
    words = ", ".join(f"{name} ({sizes[name] / 1e6:.1f} MB)" for name in largest)
    n_files = len(tracked(EXPERIMENTS.as_posix(), COMPARISONS.as_posix()))
    assert sum(sizes.values()) < MOST_BYTES_EACH * n_files, f"the largest: {words}"


def test_nothing_is_kept_that_is_soon_made_of_the_rest():
    assert not [name for name in kept() if name.endswith((".pdf", ".html", "report.record.json"))]


def test_of_every_experiment_the_same_is_kept():
    store = Store.of(load_scale("full"))
    expected = {store.verdicts(), store.verdicts().with_suffix(".record.json")}
    for name, experiment in experiments().items():
        rows = [store.seed_rows(name), store.groups(name), store.shown(name)]
        rows += [store.histories(name), store.weights(name)]
        for outputs in (
            rows,
            [store.table(name)],
            [store.verdicts(name)],
            [store.figure(name)],
        ):
            expected |= {*outputs, outputs[0].with_name(f"{name}.record.json")}
        if experiment.roles:
            expected |= {store.operations(name), record_path(store.operations(name))}
    for name in (Path(file).stem for file in tracked(COMPARISONS.as_posix())):
        for path in (store.comparison(name), store.verdicts(name), store.figure(name)):
            expected |= {path, record_path(path)}
    assert set(kept()) == {path.as_posix() for path in expected}


def test_images_are_kept_in_eight_bits_and_numbers_in_single_precision():
    paths = [path for name, path in kept().items() if name.endswith(".npz")]
    assert paths
    for path in paths:
        with np.load(path) as arrays:
            for name in arrays.files:
                array = arrays[name]
                assert array.dtype.itemsize <= 4 or array.size == 1 or array.dtype == np.complex64
                if array.ndim == 3 and array.shape[1] == array.shape[2]:
                    assert array.dtype == np.uint8 or "kernel" in name.split("/")[-1]


def test_every_learned_method_has_a_history_and_weights():
    store, there = Store.of(load_scale("full")), kept()
    for name, experiment in experiments().items():
        text = there[store.histories(name).as_posix()].read_text(encoding="utf-8")
        methods = {row["method"] for row in csv.DictReader(io.StringIO(text))}
        classes = {
            label: catalogue.method_class(experiment.methods[label].info)
            for label in experiment.learned
        }
        stepped = {n for n, one in classes.items() if not issubclass(one, ClosedFormMethod)}
        assert methods == stepped, name
        with safe_open(there[store.weights(name).as_posix()], "pt") as file:
            notes = json.loads(file.metadata()["methods"])
            tensors = {key.split("/")[0] for key in file.keys()}  # noqa: SIM118
        assert set(notes) == set(experiment.learned), name
        assert tensors == {note["tensors_of"] for note in notes.values()} - {None}


def test_the_page_on_weights_uses_them_so(monkeypatch, capsys):
    page = (ROOT / "docs/pipeline.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    monkeypatch.chdir(ROOT)
    exec(code, {})
    assert "'iterations': 5" in capsys.readouterr().out


def judged():
    """The experiments, with the verdicts on them."""
    store = Store.of(load_scale("full"))
    for name, experiment in experiments().items():
        yield experiment, read_table(ROOT / store.verdicts(name)), store


def test_what_comparisons_claim_and_fails_says_why():
    store = Store.of(load_scale("full"))
    for name in (Path(file).stem for file in tracked(COMPARISONS.as_posix())):
        verdicts = read_table(ROOT / store.verdicts(name))
        failed = verdicts[verdicts["verdict"] == "fails"]
        assert failed["remark"].map(type).eq(str).all(), name
        assert "not run" not in set(verdicts["verdict"]), name


def test_what_fails_says_why():
    silent = [
        f"{experiment.name}: {claim}"
        for experiment, verdicts, _ in judged()
        for claim, verdict, remark in zip(
            verdicts["claim"], verdicts["verdict"], verdicts["remark"], strict=True
        )
        if verdict == "fails" and not isinstance(remark, str)
    ]
    assert not silent, "\n".join(silent)


def test_no_grid_ends_where_the_best_may_lie_beyond():
    """A third of the fits at an end, where the experiment does not say that it is flat beyond."""
    at_ends = []
    for experiment, _, store in judged():
        chosen = (read_record(ROOT / store.seed_rows(experiment.name)) or {}).get("chosen", {})
        for label, settings in chosen.items():
            entry = experiment.methods[label]
            for setting, counts in settings.items():
                values = [v for v in entry.tune[setting] if isinstance(v, int | float)]
                for end, value in (("low", min(values)), ("high", max(values))) if values else ():
                    share = counts.get(canonical(value), 0) / sum(counts.values())
                    if share >= 1 / 3 and entry.flat_beyond.get(setting) not in (end, "both"):
                        at_ends.append(f"{experiment.name} {label} {setting} {value}: {share:.0%}")
    assert not at_ends, "\n".join(at_ends)
