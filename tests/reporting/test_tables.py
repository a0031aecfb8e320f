"""Tables as Markdown and LaTeX escape what these would misread."""

from mbdl_repro.reporting import tables


def test_latex_signs():
    rows = [["ρ_λ & 5 %", "(1.0 ± 0.2)·10⁻⁵"]]
    assert r"$\rho$\_$\lambda$ \& 5 \% & (1.0 $\pm$ 0.2)$\cdot$10$^{-5}$ \\" in tables.as_latex(
        ["a", "b"], rows
    )


def test_markdown_bars():
    assert r"| a\|b |" in tables.as_markdown(["x"], [["a|b"]])
