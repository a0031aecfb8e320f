"""How much of the processor the iterations use: all but the matrix products is overhead.

An iteration on N signals takes 4 N n m floating-point operations, in two matrix products. What a
product of large square matrices reaches is taken for what the processor can do.
"""

from timing import one_thread, seconds, show

one_thread()

import torch  # noqa: E402

from mbdl_repro.areas.sparse_recovery.methods.admm import Admm  # noqa: E402
from mbdl_repro.areas.sparse_recovery.methods.alista import Alista  # noqa: E402
from mbdl_repro.areas.sparse_recovery.methods.amp import Amp  # noqa: E402
from mbdl_repro.areas.sparse_recovery.methods.fista import Fista  # noqa: E402
from mbdl_repro.areas.sparse_recovery.methods.ista import Ista  # noqa: E402
from mbdl_repro.areas.sparse_recovery.methods.lista import Lista  # noqa: E402
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery  # noqa: E402
from mbdl_repro.contract.method import IterativeMethod  # noqa: E402

TRUTH = SparseRecovery(
    observation_matrix="unit_columns",
    n_observations=250,
    n_signal=500,
    nonzero_probability=0.1,
    nonzero_std=1.0,
    snr_db=40.0,
)
N_SIGNALS = 1000
ITERATIONS = 10
LARGE = 2048
REPEATS = 30


def product_rate() -> float:
    """Return the rate of a product of large matrices, in operations a second."""
    A = torch.randn(LARGE, LARGE)
    return 2 * LARGE**3 / seconds(lambda: A @ A, REPEATS)


def rate(method: IterativeMethod, x: torch.Tensor) -> float:
    """Return the rate of the iterations of one method, counting only their products."""
    # LISTA's product with B = HᵀH takes as many operations as both with H, where m = 2 n.
    operations = 4 * len(x) * TRUTH.n_observations * TRUTH.n_signal * ITERATIONS
    with torch.no_grad():
        return operations / seconds(lambda: method(x), REPEATS)


def main() -> None:
    """Measure each method between two measurements of the product."""
    x = torch.from_numpy(TRUTH.draw(N_SIGNALS, "test").x).float()
    settings = {"iterations": ITERATIONS, "rho": 0.02}
    methods: dict[str, IterativeMethod] = {
        "ista": Ista(TRUTH, **settings),
        "fista": Fista(TRUTH, **settings),
        "admm": Admm(TRUTH, **settings, penalty=0.5),
        "amp": Amp(TRUTH, iterations=ITERATIONS),
        "lista": Lista(TRUTH, **settings),
        "alista": Alista(TRUTH, **settings),
    }
    products, rates = [product_rate()], {}
    for name, method in methods.items():
        rates[name] = rate(method.float(), x)
        products.append(product_rate())
    rates = {"matrix product": max(products)} | rates
    rows = [
        (name, f"{achieved / 1e9:.1f}", f"{achieved / max(products):.0%}".replace("%", " %"))
        for name, achieved in rates.items()
    ]
    show("iterations", ("float32, 1000 × (250 × 500)", "GFLOP/s", "of the product"), rows)


if __name__ == "__main__":
    main()
