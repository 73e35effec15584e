"""A real SLURM of one node on 127.0.0.1, for tests: starts it, and stops it again.

    python -m tests.slurm.cluster COMMAND ...

runs a command that finds it through SLURM_CONF. Needs root and the packages slurm-wlm and munge.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

GPUS = 8
NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "squeue")
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
CONF = """
ClusterName=trial
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
AuthType=auth/munge
# A requeued job waits for as long as a credential lives: 120 s on a cluster, too long for tests.
AuthInfo=socket={folder}/munge/socket,cred_expire={expire}
CredType=cred/munge
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmdSpoolDir={folder}/spool
StateSaveLocation={folder}/state
GresTypes=gpu
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
KillWait=30
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=2,bf_interval=2,sched_min_interval=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=32000 Gres=gpu:{gpus} State=UNKNOWN
PartitionName=gpu Nodes={host} Default=YES MaxTime=1-0 State=UP PriorityTier=5 PreemptMode=off
PartitionName=short Nodes={host} DefaultTime=2 MaxTime=1-0 State=UP PriorityTier=5 PreemptMode=off
PartitionName=spot Nodes={host} MaxTime=1-0 State=UP PriorityTier=1 GraceTime=20
PartitionName=urgent Nodes={host} MaxTime=1-0 State=UP PriorityTier=9 PreemptMode=off
{more}
"""


def missing() -> str:
    """Why there can be no cluster on this machine; empty if there can."""
    absent = [name for name in NEEDED if shutil.which(name, path=PATH) is None]
    if absent:
        return f"no {', '.join(absent)} here: apt-get install slurm-wlm munge"
    return "" if os.geteuid() == 0 else "SLURM's daemons need root"


class Cluster:
    """Its daemons, and the environment in which the commands of SLURM find it. more: lines of
    its configuration."""

    def __init__(self, folder: Path, cpus: int = 32, expire: int = 5, more: str = "") -> None:
        self.folder = folder
        host = socket.gethostname().partition(".")[0]
        ports = free_ports(2)
        text = CONF.format(
            host=host, ports=ports, folder=folder, cpus=cpus, gpus=GPUS, expire=expire, more=more
        )
        for name in ("spool", "state", "munge"):
            (folder / name).mkdir(parents=True)
        self.conf = folder / "slurm.conf"
        self.conf.write_text(text)
        for number in range(GPUS):  # the scheduler counts files, whatever they are
            (folder / f"gpu{number}").touch()
        devices = f"NodeName={host} Name=gpu File={folder}/gpu[0-{GPUS - 1}]\n"
        (folder / "gres.conf").write_text(devices)
        self.env = os.environ | {"SLURM_CONF": str(self.conf), "PATH": PATH}
        self.daemons: dict[str, subprocess.Popen] = {}

    def start(self) -> None:
        """Returns when the node is idle."""
        self.start_munge()
        self.run("slurmctld", "-D", "-c")
        self.start_node()

    def start_munge(self) -> None:
        place = self.folder / "munge"
        key = place / "key"
        key.write_bytes(os.urandom(64))
        key.chmod(0o400)
        for path in (place, key):
            shutil.chown(path, "munge", "munge")
        options = [
            f"--{name}={place / name.removesuffix('-file')}"
            for name in ("socket", "key-file", "pid-file", "log-file", "seed-file")
        ]
        self.run("munged", "--foreground", "--force", *options, user="munge")
        wait(lambda: (place / "socket").exists())

    def start_node(self) -> None:
        self.run("slurmd", "-D")
        wait(lambda: "idle" in self.say("sinfo", "-h", "-o", "%T"))

    def run(self, name: str, *options: str, user: str | None = None) -> None:
        log = open(self.folder / f"{name}.out", "ab")  # noqa: SIM115 (the daemon's)
        self.daemons[name] = subprocess.Popen(
            [shutil.which(name, path=PATH), *options],
            env=self.env,
            user=user,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    def say(self, *command: str) -> str:
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=60)
        return done.stdout

    def kill_node(self) -> None:
        """kill -9 of slurmd; what runs its jobs goes on."""
        self.daemons["slurmd"].kill()
        self.daemons.pop("slurmd").wait()

    def start_node_again(self) -> None:
        """After kill_node: it finds what runs its jobs."""
        self.run("slurmd", "-D")
        wait(lambda: self.say("sinfo", "-h", "-o", "%T").strip() in ("idle", "mixed"))

    def stop(self) -> None:
        """Ends all jobs and all daemons."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.say("scancel", "--user=root")
            self.say("scancel", "--user=root", "--signal=KILL")
            wait(lambda: not self.say("squeue", "-h"), seconds=10, fail=False)
        for process in reversed(list(self.daemons.values())):
            process.send_signal(signal.SIGTERM)
        for process in self.daemons.values():
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()


@contextlib.contextmanager
def started(**options: int | str) -> Iterator[Cluster]:
    """A cluster that stands while the block runs; its logs are shown if it does not come up."""
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder:
        Path(folder).chmod(0o755)
        cluster = Cluster(Path(folder), **options)
        try:
            try:
                cluster.start()
            except TimeoutError:
                for log in sorted(Path(folder).glob("*.[lo]*")):
                    sys.stderr.write(f"--- {log.name}\n{log.read_text(errors='replace')[-2000:]}\n")
                raise
            yield cluster
        finally:
            cluster.stop()


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def wait(claim, seconds: float = 30.0, fail: bool = True) -> None:
    end = time.monotonic() + seconds
    while not claim():
        if time.monotonic() > end:
            if fail:
                raise TimeoutError("nothing happened in time")
            return
        time.sleep(0.1)


def main() -> int:
    why = missing()
    if why:
        sys.stderr.write(f"There can be no SLURM on this machine: {why}\n")
        return 2
    with started() as cluster:
        return subprocess.run(sys.argv[1:], env=cluster.env).returncode


if __name__ == "__main__":
    sys.exit(main())
