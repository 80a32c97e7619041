"""Two hosts on one machine: namespaces of network, mounts, processes and names, one cable."""

from __future__ import annotations

import os
import subprocess
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ADDRESSES = ("10.213.0.1", "10.213.0.2")


@dataclass(frozen=True)
class TwoHosts:
    """Where the commands lie that SLURM would bring."""

    commands: Path


def permitted() -> str | None:
    """Why namespaces cannot be made here, if so."""
    try:
        done = subprocess.run(
            ["unshare", "-n", "-m", "-u", "-p", "-f", "true"], capture_output=True, text=True
        )
    except FileNotFoundError:
        return "unshare is not installed"
    if done.returncode:
        return f"namespaces are not permitted: {done.stderr.strip()}"
    try:
        done = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True)
    except FileNotFoundError:
        return "ip is not installed"
    return f"ip netns: {done.stderr.strip()}" if done.returncode else None


@contextmanager
def two_hosts(folder: Path) -> Iterator[TwoHosts]:
    """Have two hosts, joined by a cable, and a fake `srun` and `scontrol` that know them."""
    names = [f"ratchet{os.getpid()}{letter}" for letter in "ab"]
    made = []
    try:
        for name in names:
            _ip("netns", "add", name)
            made.append(name)
        _ip(
            "link", "add", "cable", "netns", names[0],
            "type", "veth", "peer", "name", "cable", "netns", names[1],
        )  # fmt: skip
        for name, own, other in zip(names, ADDRESSES, ADDRESSES[::-1], strict=True):
            _ip("-n", name, "address", "add", f"{own}/24", "dev", "cable")
            for device in ("lo", "cable"):
                _ip("-n", name, "link", "set", device, "up")
            _ip("-n", name, "route", "add", "default", "via", other)
        yield TwoHosts(_commands(folder, names))
    finally:
        for name in made:
            _ip("netns", "delete", name)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


def _commands(folder: Path, names: list[str]) -> Path:
    """A host's first process reaps, and ends all others with it; `srun` passes SIGUSR1 on."""
    (folder / "bin").mkdir()
    host = """\
        #!/usr/bin/env bash
        # host NUMBER NAMESPACE COMMAND...: run as a task on one host
        export SLURM_NODEID=$1 SLURM_PROCID=$1
        namespace=$2
        shift 2
        echo "$BASHPID" > "$FAKE_FOLDER/task$SLURM_NODEID"
        exec ip netns exec "$namespace" unshare -m -u -p -f --mount-proc --kill-child \\
          bash -c '
            hostname "host$SLURM_NODEID"
            mkdir -p /tmp/ray && mount -t tmpfs none /tmp/ray
            "$@" & task=$!
            trap "kill -USR1 $task" USR1
            while wait "$task"; r=$?; kill -0 "$task" 2> /dev/null; do :; done
            exit $r
          ' host "$@"
        """
    srun = f"""\
        #!/usr/bin/env bash
        [ "$1" = --kill-on-bad-exit=1 ] && shift
        host 0 {names[0]} "$@" & first=$!
        host 1 {names[1]} "$@" & second=$!
        pass_on() {{
          for task in $first $second; do
            kill -USR1 $(pgrep -P "$task") 2> /dev/null
          done
        }}
        trap pass_on USR1
        await() {{
          while wait "$1"; r=$?; kill -0 "$1" 2> /dev/null; do :; done
          return $r
        }}
        await $first || {{ kill -KILL $second; exit $r; }}
        await $second
        """
    scontrol = f"""\
        #!/usr/bin/env bash
        case $1 in
          show) printf '%s\\n' {ADDRESSES[0]} {ADDRESSES[1]} ;;
          requeue) echo "$2" > "$FAKE_FOLDER/requeued" ;;
        esac
        """
    for name, text in (("host", host), ("srun", srun), ("scontrol", scontrol)):
        path = folder / "bin" / name
        path.write_text(textwrap.dedent(text))
        path.chmod(0o755)
    return folder / "bin"
