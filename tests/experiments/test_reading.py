"""What experiment files hold is what is read from them."""

import pytest
from experiments.texts import BASE, FULL, MINIMAL, ROOT, edited, load

from mbdl_repro import catalogue
from mbdl_repro.errors import UserError
from mbdl_repro.experiments import reading as experiment_file

EXPERIMENTS = sorted((ROOT / experiment_file.EXPERIMENTS).glob("*.yaml"))
SCALES = sorted((ROOT / experiment_file.SCALES).glob("*.yaml"))


@pytest.fixture
def experiments(tmp_path, monkeypatch):
    """The folder of experiments, empty."""
    monkeypatch.chdir(tmp_path)
    experiment_file.EXPERIMENTS.mkdir(parents=True)
    return experiment_file.EXPERIMENTS


def test_mistakes_in_two_files_are_told_together(experiments):
    (experiments / "1.01_a.yaml").write_text(edited("seeds: 6", "seeds: four"))
    (experiments / "1.02_b.yaml").write_text(BASE)
    (experiments / "1.03_c.yaml").write_text(edited("seeds: 6", "seeds: five"))
    with pytest.raises(UserError) as caught:
        experiment_file.load_all(FULL)
    first, second = str(caught.value).splitlines()
    assert first.startswith(f"{experiments / '1.01_a.yaml'}:20: seeds: 'four'")
    assert second.startswith(f"{experiments / '1.03_c.yaml'}:20: seeds: 'five'")


def test_a_name_that_is_no_experiment_is_refused(experiments):
    (experiments / "5.06_lista.yaml").write_text(BASE)
    (experiments / "5.01_linear.yaml").write_text(MINIMAL)
    with pytest.raises(UserError) as caught:
        experiment_file.load_all(FULL, "5.01_linear, 5.06_ista")
    assert str(caught.value) == (
        "no experiment '5.06_ista'; did you mean 5.06_lista? allowed: 5.01_linear, 5.06_lista"
    )
    assert list(experiment_file.load_all(FULL, "5.06_lista")) == ["5.06_lista"]
    assert list(experiment_file.load_all(FULL)) == ["5.01_linear", "5.06_lista"]


def test_the_smallest_experiment_loads(tmp_path):
    experiment = load(tmp_path, MINIMAL)
    assert experiment.name == "1.01_example"
    assert experiment.points == [{"noise_std": 0.5}, {"noise_std": 1.0}]
    assert experiment.blocks == [(0,)]
    assert list(experiment.methods) == ["linear_mmse"]
    assert experiment.methods["linear_mmse"].legend == "linear mmse"
    assert experiment.claims == []
    assert experiment.book.example is None


def test_the_experiment_that_the_mistakes_are_made_in_loads(tmp_path):
    experiment = load(tmp_path, BASE)
    lista = experiment.methods["lista"]
    assert lista.belief == "blind"
    assert lista.settings["rho"] == 0.125
    assert lista.recipe.steps == 30
    assert experiment.methods["ista"].tune == {"rho": [0.5, 0.25]}
    assert "rho" not in experiment.methods["ista"].settings
    assert experiment.belief_at("lista", {"noise_std": 0.2}).nonzero_std is None
    assert experiment.belief_at("lista", {"noise_std": 0.2}).noise_std == 0.2
    claim, published = experiment.claims
    assert [left.at for left, _ in claim.pairs] == [
        {"noise_std": 0.1, "n_train": 10},
        {"noise_std": 0.1, "n_train": 20},
    ]
    assert published.kind == "published"
    assert published.relation == "within"
    assert published.pairs[0][1] == 1.5
    assert published.tolerance == 0.01


@pytest.mark.parametrize("scale", [path.stem for path in SCALES])
@pytest.mark.parametrize("name", [path.stem for path in EXPERIMENTS])
def test_shipped_experiments_load_at_every_scale(name, scale, monkeypatch):
    monkeypatch.chdir(ROOT)
    experiment = experiment_file.load(name, experiment_file.load_scale(scale))
    assert experiment.runs
    assert experiment.panels
    for label in experiment.methods:
        assert experiment.fits(label)


def test_no_data_are_drawn_to_check_a_file(monkeypatch):
    monkeypatch.chdir(ROOT)

    def drawn(*_: object) -> None:
        pytest.fail("data are drawn")

    for area in catalogue.areas():
        for kind in catalogue.scenarios(area).values():
            monkeypatch.setattr(kind, "sample", drawn)
            monkeypatch.setattr(kind, "draw", drawn)
    assert len(experiment_file.load_all(FULL)) == len(EXPERIMENTS)
