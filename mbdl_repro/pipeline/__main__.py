"""Run one job: ``python -m mbdl_repro.pipeline <verb> --experiment <name> ...``."""

import os

# Last bits depend on the number of threads; libraries read these when they are loaded.
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

from mbdl_repro.pipeline.job import run

if __name__ == "__main__":
    run()
