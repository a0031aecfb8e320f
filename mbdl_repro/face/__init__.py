"""What Python users import: comparisons, fits, estimates, and what is kept."""

from mbdl_repro.face import names as names  # so that whatever is misspelt is named
