"""What `import mbdl_repro` shows, and when it is imported."""

import subprocess
import sys

import pytest

import mbdl_repro as mbdl
from mbdl_repro import catalogue


@pytest.mark.parametrize("name", catalogue.areas())
def test_an_area_has_all_that_the_catalogue_knows(name):
    area = getattr(mbdl, name)
    for info in catalogue.methods(name).values():
        assert getattr(area, info.class_name) is catalogue.method_class(info)
    for cls in catalogue.scenarios(name).values():
        assert getattr(area, cls.__name__) is cls
    assert dir(area.metrics) == sorted(catalogue.metrics(name))
    assert dir(area.bounds) == sorted(catalogue.bounds(name))
    shown = repr(area).split()
    assert set(dir(area)) <= {*shown, "metrics", "bounds"}
    for functions in (area.metrics, area.bounds):
        assert all(getattr(functions, one).marks["label"] in repr(area) for one in dir(functions))


def test_every_name_of_the_face_is_there():
    for name in dir(mbdl):
        assert getattr(mbdl, name) is not None
    assert set(catalogue.areas()) < set(dir(mbdl))


def test_an_unknown_name_is_answered_with_a_near_one():
    with pytest.raises(AttributeError, match="'Lisra'; did you mean Lista"):
        mbdl.sparse_recovery.Lisra  # noqa: B018
    with pytest.raises(AttributeError, match=r"'nmse'.*did you mean nmse_db"):
        mbdl.sparse_recovery.metrics.nmse  # noqa: B018
    with pytest.raises(
        AttributeError, match=r"'sparse'; it has distributed, doa, .*sparse_recovery"
    ):
        mbdl.sparse  # noqa: B018
    assert not hasattr(mbdl.doa, "_repr_html_")


def test_importing_it_imports_nothing_else():
    heavy = "{'torch', 'numpy', 'pandas', 'scipy', 'matplotlib', 'pydantic', 'importlib.metadata'}"
    code = f"import sys; import mbdl_repro; print(sorted({heavy} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
