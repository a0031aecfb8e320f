"""A job's own process where a server does the work (see ``server``): it imports next to nothing."""

from __future__ import annotations

import os
import socket
import sys

ADDRESS = "MBDL_SERVER"
"""The environment variable that names the socket of a run's server."""

NOT_DONE = b"not done"
"""What a server answers that cannot do a job: the sources were edited since it imported them."""


ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Last bits depend on the number of threads; libraries read these when they are loaded."""


def hand_over(words: list[str]) -> int | None:
    """Let the run's server do a job, and return the status that it ended with.

    Args:
        words: of the job.

    Returns:
        None where there is no server, or it cannot do it: then the caller must.
    """
    address = os.environ.get(ADDRESS)
    if not address:
        return None
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(address)
            socket.send_fds(connection, ["\0".join(words).encode()], [1, 2])
            answer = connection.recv(64)
        except OSError:
            return None
        except KeyboardInterrupt:
            return 130  # which the run tells
    if not answer:
        if str(os.getppid()) != os.environ.get("MBDL_RUN_PID"):
            return 1  # the run ended, and said so
        print("the process that did this job was killed: out of memory?", file=sys.stderr)
        return 1
    return None if answer == NOT_DONE else int(answer)
