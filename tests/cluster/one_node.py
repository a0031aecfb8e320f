"""Run a command on a SLURM cluster of one node: this machine, for as long as the command runs.

    python tests/cluster/one_node.py snakemake --profile profiles/slurm --config scale=smoke

It needs Linux, root, and Debian's packages slurm-wlm and munge. The cluster lives in namespaces
of its own: its /etc/slurm is a folder in memory that hides the machine's, which nobody else sees
and which is gone in the end; and no process in there outlives the command, whatever happens.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path("/etc/slurm")
"""SLURM's commands look here, and the plug-in lets no environment variable say otherwise."""

ISOLATED = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
PROGRAMS = ["munged", "mungekey", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "sinfo"]
SECONDS = 120.0
"""More than any machine takes to start three daemons."""

CONFIGURATION = """\
ClusterName=one
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={port_of_controller}
SlurmdPort={port_of_node}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_interval=1,bf_interval=1
ReturnToService=2
# So that a small machine can play a larger one: no job is refused for its size.
SlurmdParameters=config_overrides
NodeName=localhost NodeAddr=127.0.0.1 CPUs=4 RealMemory=100000 State=UNKNOWN
PartitionName=debug Nodes=localhost Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str | None:
    """Return why no cluster can be started here, or None if one can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "a SLURM cluster of one node needs Linux and root"
    absent = [name for name in PROGRAMS if not shutil.which(name, path=_path())]
    if absent or not FOLDER.is_dir():
        return f"no {', '.join(absent or [str(FOLDER)])}: apt-get install slurm-wlm munge"
    tried = subprocess.run([*ISOLATED, "true"], capture_output=True, text=True, check=False)
    return f"no namespaces here: {tried.stderr.strip()}" if tried.returncode else None


def main(command: list[str]) -> int:
    """Start the daemons, run the command, return its exit status; called inside the namespaces."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "one_node", FOLDER], check=True)
    os.environ["PATH"] = _path()
    try:
        _start()
    except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
        print(f"the cluster does not start: {error}\n{_logs()}", file=sys.stderr)
        return 1
    # Ctrl-C is for the command: it ends as it likes, and the cluster after it.
    signal.signal(signal.SIGINT, lambda *_: None)
    return subprocess.run(command, check=False).returncode


def _start() -> None:
    """Start the daemons and wait until the node takes jobs."""
    ports = dict(zip(("port_of_controller", "port_of_node"), _free_ports(2)))
    (FOLDER / "slurm.conf").write_text(CONFIGURATION.format(folder=FOLDER, **ports))
    for name in ("state", "spool"):
        (FOLDER / name).mkdir()
    key, munge = FOLDER / "munge.key", FOLDER / "munge.socket"
    subprocess.run(["mungekey", "--create", f"--keyfile={key}"], check=True)
    files = [f"--{name}-file={FOLDER}/munged.{name}" for name in ("pid", "log", "seed")]
    _daemon("munged", "--foreground", f"--key-file={key}", f"--socket={munge}", *files)
    _wait_for(munge.exists, "munged")
    _daemon("slurmctld", "-D")
    _daemon("slurmd", "-D", "-N", "localhost")
    _wait_for(lambda: _said("sinfo", "--noheader", "--format=%T") == "idle", "the node")


def _daemon(*words: str) -> None:
    log = open(FOLDER / f"{words[0]}.out", "w")  # noqa: SIM115  (open as long as the daemon)
    _daemons.append(
        subprocess.Popen(words, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    )


def _wait_for(condition: object, what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():  # type: ignore[operator]
        for daemon in _daemons:
            if daemon.poll() is not None:
                raise RuntimeError(f"{daemon.args[0]} ended with {daemon.returncode}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} is not ready after {SECONDS:.0f} s")
        time.sleep(0.1)


def _said(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()


def _logs() -> str:
    """Return the last lines that each daemon wrote."""
    lines = (path.read_text(errors="replace").splitlines() for path in FOLDER.glob("*.out"))
    return "\n".join(line for of_one in lines for line in of_one[-10:])


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _path() -> str:
    """Return where programs are, with the folders of daemons."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


_daemons: list[subprocess.Popen[bytes]] = []

if __name__ == "__main__":
    if os.environ.pop("INSIDE_ONE_NODE", None):
        sys.exit(main(sys.argv[1:]))
    reason = missing()
    if reason or not sys.argv[1:]:
        sys.exit(reason or str(__doc__).strip())
    inside = [*ISOLATED, sys.executable, *sys.argv]
    os.execvpe("unshare", inside, os.environ | {"INSIDE_ONE_NODE": "yes"})
