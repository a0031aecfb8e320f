"""Run one job: ``python -m mbdl_repro.pipeline <verb> --experiment <name> ...``."""

import os
import sys

from mbdl_repro.pipeline.client import ONE_THREAD, hand_over

os.environ |= ONE_THREAD

if __name__ == "__main__":
    status = hand_over(sys.argv[1:])
    if status is None:
        from mbdl_repro.pipeline.job import run

        run()
    else:
        sys.exit(status)
