"""``python -m mbdl_repro.cli``: the same as ``mbdl``."""

from mbdl_repro.cli import main

if __name__ == "__main__":
    main(prog_name="mbdl")
