"""``python -m mbdl_repro.cli``: the same as ``mbdl``."""

from mbdl_repro.cli import main

main(prog_name="mbdl")
