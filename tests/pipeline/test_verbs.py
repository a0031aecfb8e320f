"""The table of verbs: what each task reads, writes and stands on, in a copy of the package."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mbdl_repro.catalogue.memory import PACKAGE, Memory
from mbdl_repro.comparisons import reading as comparisons
from mbdl_repro.errors import UserError
from mbdl_repro.experiments import reading
from mbdl_repro.pipeline.plan import Plan
from mbdl_repro.pipeline.verbs import VERBS, Task, task_of
from mbdl_repro.store import definitions, fingerprint

CHOSEN = "3.05_kalman_filter,5.01_linear_estimation,5.06_lista,5.4_convergence,5.4_plug_and_play"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def plan() -> Plan:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return Plan(reading.load_scale("smoke"), CHOSEN)


class Copy:
    """A copy of the package whose source a test edits; nothing of it is imported."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder = folder
        self.plan = plan

    def codes(self, *verbs: str) -> dict[Task, str]:
        """Return the digest of what each task stands on, of its code; of some verbs, or all."""
        definitions.forget()
        fingerprint.forget()
        book = self.plan.experiments
        tasks = [task for task in self.plan.tasks if not verbs or task.verb in verbs]
        return {task: VERBS[task.verb].code(book, task).digest for task in tasks}

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, (old, text.count(old))
        path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def copy(tmp_path: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> Iterator[Copy]:
    folder = tmp_path / "mbdl_repro"
    shutil.copytree(PACKAGE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(definitions, "PACKAGE", folder)
    monkeypatch.setattr(fingerprint, "MEMORY", Memory("fingerprints", ["."], folder))
    yield Copy(folder, plan)
    definitions.forget()
    fingerprint.forget()


def changed(before: dict[Task, str], after: dict[Task, str]) -> set[str]:
    assert before.keys() == after.keys()
    return {task.name for task in before if before[task] != after[task]}


# --- what a change of the source makes run again ---

UPDATES = "areas/tracking/kalman/updates.py"


def move_a_function(copy: Copy) -> None:
    """``soft_threshold`` into a file of its own, from where the old one hands it on."""
    path = copy.folder / "areas/sparse_recovery/updates/thresholding.py"
    text = path.read_text(encoding="utf-8")
    (found,) = re.findall(r"^def soft_threshold\(.*?(?=^\n\ndef )", text, re.M | re.S)
    head = "from __future__ import annotations\n\nimport torch\nfrom torch import Tensor\n\n\n"
    (copy.folder / "areas/sparse_recovery/shrinkage.py").write_text(head + found, encoding="utf-8")
    handed_on = "from mbdl_repro.areas.sparse_recovery.shrinkage import soft_threshold\n"
    text = text.replace(found, "").replace("import torch\n", f"import torch\n{handed_on}", 1)
    path.write_text(text, encoding="utf-8")


def move_a_scenario(copy: Copy) -> None:
    """A system of tracking's, with the file that it stands in."""
    area = copy.folder / "areas/tracking"
    (area / "systems/linear_state_space.py").rename(area / "linear.py")
    (area / "systems/linear_state_space.py").write_text(
        "from mbdl_repro.areas.tracking.linear import LinearStateSpace\n"
    )


def add_to_shared_files(copy: Copy) -> None:
    for file in (UPDATES, "contract/method.py", "learning/training.py", "pipeline/models.py"):
        path = copy.folder / file
        path.write_text(path.read_text(encoding="utf-8") + "\n\ndef added(x):\n    return 2 * x\n")


def reword(copy: Copy) -> None:
    """A docstring, a label, a comment, a message of progress, and one of an error."""
    copy.edit("areas/sparse_recovery/metrics.py", "squared residual ‖x", "residual, squared, ‖x")
    copy.edit("learning/training.py", "best validation {kept.mean", "validation {kept.mean")
    copy.edit("learning/training.py", "lower learning_rate (now", "take a lower one (now")
    path = copy.folder / UPDATES
    path.write_text(path.read_text(encoding="utf-8").replace('"""Return', '"""Give back') + "# !\n")


def annotate(copy: Copy) -> None:
    copy.edit("contract/scenario.py", "def draw(self, n: int, *", "def draw(self, n: object, *")


def retitle_a_family(copy: Copy) -> None:
    copy.edit("contract/family.py", '("model-based", "3"', '("based on a model", "3.1"')


@pytest.mark.parametrize(
    "change",
    [move_a_function, move_a_scenario, add_to_shared_files, reword, annotate, retitle_a_family],
)
def test_what_computes_nothing_reruns_nothing(copy: Copy, change) -> None:
    before = copy.codes()
    change(copy)
    assert changed(before, copy.codes()) == set()


def test_a_line_of_the_kalman_gain_reruns_what_calls_it_and_nothing_else(copy: Copy) -> None:
    before = copy.codes()
    path = copy.folder / "areas/tracking/kalman/updates.py"
    text = path.read_text(encoding="utf-8")
    (body,) = re.findall(r"^def kalman_gain\(.*?^def ", text, re.M | re.S)
    assert body.count("    return ") == 1
    path.write_text(text.replace(body, body.replace("    return ", "    return 1 * ")))
    filters = {"kalman_filter", "steady_state_kalman_filter", "kalman_smoother"}
    again = {task.split(" ", 1)[1] for task in changed(before, copy.codes())}
    named = {name.removeprefix("3.05_kalman_filter").strip() for name in again}
    assert again and all(name.startswith("3.05_kalman_filter") for name in again)
    # The table comes from the methods, and bounds may be of the filter's own recursion.
    methods = {copy.plan.experiments["3.05_kalman_filter"].methods[m].info.name for m in named if m}
    assert methods == filters


def test_a_step_of_training_reruns_what_is_trained(copy: Copy) -> None:
    before = copy.codes()
    copy.edit("learning/training.py", "optimizer.step()", "optimizer.step(None)")
    again = changed(before, copy.codes())
    book = copy.plan.experiments
    for task in copy.plan.tasks:
        if task.method is not None and task.experiment is not None:
            info = book[task.experiment].methods[task.method].info
            trained = info.learns and not info.fits_itself
            assert (task.name in again) >= trained, task
            assert task.name not in again or info.learns, task


def test_a_metric_reruns_scores_and_no_fit(copy: Copy) -> None:
    before = copy.codes()
    copy.edit(
        "areas/sparse_recovery/metrics.py",
        "    return np.square(estimate - split.s).sum(1)\n",
        "    return 1 * np.square(estimate - split.s).sum(1)\n",
    )
    again = changed(before, copy.codes())
    assert {name.split()[0] for name in again} == {"evaluate", "bound", "tabulate"}
    assert {name.split()[1] for name in again} == {"5.06_lista"}


def test_statistics_rerun_what_is_made_of_rows_and_none_of_these(copy: Copy) -> None:
    before = copy.codes()
    copy.edit(
        "statistics/intervals.py",
        "return quantile(level, self.freedom) * self.error if",
        "return 1 * quantile(level, self.freedom) * self.error if",
    )
    again = changed(before, copy.codes())
    of_rows = ("summarize", "verify", "draw")
    assert again == {task.name for task in before if task.verb in of_rows} != set()


def test_rows_and_what_they_come_from_stand_on_no_statistics(plan: Plan) -> None:
    for task in plan.tasks:
        places = VERBS[task.verb].code(plan.experiments, task).places.values()
        reached = any(place.startswith("mbdl_repro.statistics") for place in places)
        assert reached == (task.verb in ("summarize", "verify", "draw", "report")), task


@pytest.mark.parametrize("function", ["summary_of", "described"])
def test_how_a_table_is_made_of_rows_reruns_tables_alone(copy: Copy, function: str) -> None:
    before = copy.codes()
    last = {"summary_of": "return table[[*same[:at]", "described": "return table\n"}[function]
    path = "pipeline/stages/summarize.py"
    copy.edit(path, f"    {last}", f"    table = table.copy()\n    {last}")
    assert {name.split()[0] for name in changed(before, copy.codes())} == {"summarize"}


def test_groups_of_test_signals_in_rows_rerun_what_reads_them(copy: Copy) -> None:
    before = copy.codes()
    copy.edit("pipeline/rows.py", "(values == values[:1])", "(values == values[0])")
    again = {name.split()[0] for name in changed(before, copy.codes())}
    assert again == {"summarize", "verify"}


@pytest.mark.parametrize(
    ("file", "after"),
    [
        ("figures/panel.py", "    title: str = Field(min_length=1)\n"),
        ("figures/images.py", "    kernels: bool = False\n"),
        ("figures/trajectory.py", "    time_step_s: "),
    ],
)
def test_a_new_key_of_a_panel_redraws_and_keeps_nothing_anew(
    copy: Copy, file: str, after: str
) -> None:
    before = copy.codes()
    copy.edit(file, after, f"    upside_down: bool = False\n{after}")
    assert {name.split()[0] for name in changed(before, copy.codes())} == {"draw"}


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("figures/panel.py", "{kind: single(array) for", "{kind: single(1 * array) for"),
        ("figures/images.py", '"grey_s": grey_levels(s)', '"grey_s": grey_levels(1 * s)'),
    ],
)
def test_how_examples_are_kept_is_part_of_what_keeps_them(
    copy: Copy, file: str, old: str, new: str
) -> None:
    before = copy.codes()
    copy.edit(file, old, new)
    again = changed(before, copy.codes())
    assert {name.split()[0] for name in again} == {"tabulate", "draw"}
    kept = {name.split()[1] for name in again if name.startswith("tabulate")}
    ours = {
        name
        for name, experiment in copy.plan.experiments.items()
        for panel in experiment.panels_of_examples
        if type(panel).reduced.__module__.endswith(Path(file).stem)
    }
    assert kept == ours != set()


def test_the_style_of_figures_redraws_them_and_the_report(copy: Copy) -> None:
    before = copy.codes()
    copy.edit("figures/style.py", '"font.size": 9,', '"font.size": 10,')
    assert {name.split()[0] for name in changed(before, copy.codes())} == {"draw"}


# --- comparisons: of all experiments, so that they are in full runs alone ---


@pytest.fixture(scope="module")
def whole() -> Plan:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return Plan(reading.load_scale("smoke"))


@pytest.mark.parametrize(
    ("file", "old", "again"),
    [
        ("comparisons/kinds/price.py", "    known = np.isfinite(", {"6.2_price"}),
        ("comparisons/kinds/trust.py", "            values = values_at(", {"6.2_trust"}),
        ("comparisons/standing.py", "    sign = -1.0 if", None),
        ("comparisons/claims.py", "    found = []\n    for _, rows", None),
        ("pipeline/stages/compare.py", "    seconds, operations = {}", None),
        ("learning/operations.py", "    m, n = sorted(", set()),
    ],
)
def test_what_a_comparison_stands_on_is_compared_again(
    copy: Copy, whole: Plan, file: str, old: str, again: set[str] | None
) -> None:
    copy.plan = whole
    before = copy.codes("compare")
    indent = " " * (len(old) - len(old.lstrip()))
    copy.edit(file, old, f"{indent}assert True\n{old}")
    found = {name.split()[1] for name in changed(before, copy.codes("compare"))}
    assert found == (set(comparisons.names()) if again is None else again)


def test_how_operations_are_counted_is_part_of_every_count(copy: Copy, whole: Plan) -> None:
    copy.plan = whole
    before = copy.codes("count", "gather")
    copy.edit("learning/operations.py", "    m, n = sorted(", "    assert True\n    m, n = sorted(")
    again = changed(before, copy.codes("count", "gather"))
    assert again == {task.name for task in before if task.verb == "count"} != set()


def test_a_comparison_reads_who_has_a_role_and_whom_it_lists(whole: Plan) -> None:
    roles = {name for name, experiment in whole.experiments.items() if experiment.roles}
    for task in whole.tasks:
        if task.verb == "compare":
            needs = whole.needs(task)
            listed = set(comparisons.load(str(task.comparison)).spec.experiments)
            assert {need.experiment for need in needs if need.verb == "count"} == roles
            assert {need.experiment for need in needs if need.verb == "tabulate"} == roles | listed
    assert {task.experiment for task in whole.tasks if task.verb == "count"} == roles != set()
    names = comparisons.names()
    assert [task.comparison for task in whole.tasks if task.verb == "compare"] == names
    (gather,) = (task for task in whole.tasks if task.verb == "gather")
    assert {need.comparison for need in whole.needs(gather)} == {None, *names}


def test_a_narrowed_run_counts_and_compares_nothing() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        plan = Plan(reading.load_scale("smoke"), "continuum_linear,3.06_ista")
        assert {task.verb for task in plan.tasks}.isdisjoint({"compare", "gather"})
        (report,) = (task for task in plan.tasks if task.verb == "report")
        assert {need.experiment for need in plan.needs(report)} == set(plan.experiments)
        assert "--experiments=continuum_linear,3.06_ista" in plan.words_of(VERBS["report"])(None)
        assert [t.experiment for t in plan.tasks if t.verb == "count"] == ["continuum_linear"]


def test_files_of_a_comparison_lie_where_those_of_experiments_do(whole: Plan) -> None:
    folder, figures = whole.store.results, whole.store.figures
    (task,) = (task for task in whole.tasks if task.comparison == "6.2_price")
    assert whole.outputs(task) == [
        folder / "comparisons/6.2_price.csv",
        folder / "verdicts/6.2_price.csv",
        figures / "6.2_price.png",
    ]
    assert whole.outputs(Task("count", "continuum_linear")) == [
        folder / "operations/continuum_linear.csv"
    ]
    assert VERBS["compare"].log(whole.store, task) == folder / "logs/compare/6.2_price.log"
    written = [path for task in whole.tasks for path in whole.outputs(task)]
    assert len(set(written)) == len(written)


def test_a_comparisons_words_name_it(whole: Plan) -> None:
    for task in whole.tasks:
        if task.verb == "compare":
            words = ("compare", whole.experiments, None, None, 1, task.comparison)
            assert task_of(*words) == task
            said = whole.words_of(VERBS["compare"])(task)
            assert said == f"compare --comparison={task.comparison} --scale=smoke"
    with pytest.raises(UserError, match="--comparison is missing"):
        task_of("compare", whole.experiments, None, None)
    with pytest.raises(UserError, match=r"no comparison '6.2_prise'; did you mean 6.2_price"):
        task_of("compare", whole.experiments, None, None, comparison="6.2_prise")


# --- what each reads and writes ---


def test_no_two_tasks_write_the_same_file_and_each_reads_what_an_earlier_one_writes(plan) -> None:
    written: dict[Path, Task] = {}
    for task in plan.tasks:
        for need in plan.needs(task):
            assert need in written.values(), (task, need)
        for path in plan.outputs(task):
            assert path not in written
            written[path] = task


def test_a_rules_pattern_fits_the_files_of_its_tasks(plan: Plan) -> None:
    """As Snakemake finds a file's job: by a pattern, in which names of wildcards stand."""
    for task in plan.tasks:
        verb = VERBS[task.verb]
        patterns = [*plan.outputs_of(verb), plan.log_of(verb)]
        files = [*plan.outputs(task), verb.log(plan.store, task)]
        for pattern, file in zip(patterns, files, strict=True):
            named = re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+)", re.escape(str(pattern)))
            seen: set[str] = set()
            for name in re.findall(r"\?P<(\w+)>", named):
                if name in seen:
                    named = named.replace(f"(?P<{name}>.+)", f"(?P={name})")
                seen.add(name)
            match = re.fullmatch(named, str(file))
            assert match, (pattern, file)
            for name, value in match.groupdict().items():
                assert value == str(getattr(task, name)), (task, pattern)


def test_a_task_is_what_its_words_name(plan: Plan) -> None:
    for task in plan.tasks:
        words = (task.verb, plan.experiments, task.experiment, task.method, task.part)
        assert task_of(*words, chosen=plan.chosen) == task
        said = plan.words_of(VERBS[task.verb])(task)
        assert said.startswith(task.verb) and said.endswith("--scale=smoke")


def test_words_that_name_nothing_are_refused(plan: Plan) -> None:
    book = plan.experiments
    for words, message in (
        (("trian", None, None), "no verb 'trian'; did you mean train"),
        (("train", None, None), "--experiment is missing"),
        (("train", "5.06_lista", "listo"), "no method 'listo'"),
        (("train", "5.06_lista", None), "--method is missing"),
    ):
        verb, experiment, method = words
        with pytest.raises(UserError, match=message):
            task_of(verb, book, experiment, method)
    for part in (0, 2):
        with pytest.raises(UserError, match=f"--part {part}: allowed is 1 to 1"):
            task_of("train", book, "5.06_lista", "lista", part)
