"""Write one page that shows everything."""

from __future__ import annotations

from mbdl_repro.job import Job, run


def report(job: Job) -> None:
    """Write the page."""
    job.save({job.store.report(): b"soon"})


if __name__ == "__main__":
    run("report", report)
