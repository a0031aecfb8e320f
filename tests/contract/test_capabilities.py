"""Of the protocols themselves; that methods keep them is tested with the methods."""

import subprocess
import sys


def test_asking_for_a_capability_loads_no_torch():
    code = "import sys, mbdl_repro.contract.capabilities; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
