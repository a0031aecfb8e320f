"""Run one job: ``python -m mbdl_repro.pipeline <verb> --experiment <name> ...``.

With ``-S`` Python starts in a third of the time, and finds no installed package: it is enough to
hand the job over to a run's server, and else Python starts again without it.
"""

import os
import sys

from mbdl_repro.pipeline.client import ONE_THREAD, hand_over

os.environ |= ONE_THREAD

if __name__ == "__main__":
    status = hand_over(sys.argv[1:])
    if status is not None:
        sys.exit(status)
    if sys.flags.no_site:
        os.execv(sys.executable, [sys.executable, "-m", "mbdl_repro.pipeline", *sys.argv[1:]])
    from mbdl_repro.pipeline.job import run

    run()
