"""Tables as Markdown and LaTeX escape what these would misread."""

from mbdl_repro.reporting import tables


def test_latex_signs():
    rows = [["ρ_λ & 5 %", "(1.0 ± 0.2)·10⁻⁵"]]
    assert r"$\rho$\_$\lambda$ \& 5 \% & (1.0 $\pm$ 0.2)$\cdot$10$^{-5}$ \\" in tables.as_latex(
        ["a", "b"], rows
    )


def test_markdown_bars():
    assert r"| a\|b |" in tables.as_markdown(["x"], [["a|b"]])


def test_in_a_notebook_nothing_is_shown_beside_the_text(monkeypatch):
    shown = []
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setattr("rich.jupyter.display", lambda *given: shown.append(given))
    assert "ISTA" in tables.as_text(["method", "error"], [["ISTA", "0.1"]])
    assert not shown
