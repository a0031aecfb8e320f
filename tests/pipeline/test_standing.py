"""What results stand on is remembered, and a record that says otherwise is noticed all the same."""

import pytest

from mbdl_repro.experiments import reading
from mbdl_repro.pipeline.plan import Plan
from mbdl_repro.pipeline.standing import Standing
from mbdl_repro.pipeline.status import Status
from mbdl_repro.store import fingerprint

pytestmark = pytest.mark.usefixtures("store")


def test_a_record_is_right_if_it_says_what_is_found_anew():
    plan = Plan(reading.load_scale("full"))
    for standing in (Standing(plan), Standing(plan)):  # found out, then remembered
        for task in plan.tasks:
            record = plan.stands_on(task)
            assert standing.is_as_recorded(task, record)
            spec = {"spec": {**record["spec"], "seeds": 99}}
            assert not standing.is_as_recorded(task, record | spec)
            for key, other in (("digest", "0f"), ("versions", {"torch": "0"}), ("device", "tpu")):
                code = {"code": record["code"] | {key: other}}
                assert not standing.is_as_recorded(task, record | code)


def test_an_edited_file_or_another_version_is_noticed(monkeypatch):
    full = reading.load_scale("full")
    plan = Plan(full)
    task = next(task for task in plan.tasks if task.name == "tabulate 5.06_lista")
    record = plan.stands_on(task)
    assert Standing(plan).is_as_recorded(task, record)
    path = reading.EXPERIMENTS / "5.06_lista.yaml"
    path.write_text(path.read_text("utf-8").replace("iterations: 5,", "iterations: 6,"), "utf-8")
    edited = Plan(full)
    assert not Standing(edited).is_as_recorded(task, record)
    assert "changed from 5 to 6" in " ".join(Status(edited)._reasons(task, record))
    monkeypatch.setattr(fingerprint.importlib.metadata, "version", lambda package: "0.0")
    fingerprint.forget()
    assert not Standing(plan).is_as_recorded(task, record)
    monkeypatch.undo()
    fingerprint.forget()
