"""Ray clusters of several nodes on the loopback interface, whose nodes can be killed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray.cluster_utils import Cluster
from ray.experimental.internal_kv import _initialize_internal_kv

LOOPBACK = "127.0.0.2"
"""Not 127.0.0.1, which Ray replaces by the machine's address."""


@contextmanager
def cluster(head_cpus: int = 1) -> Iterator[Cluster]:
    """A cluster with a head only; drivers connect to the head."""
    found = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": head_cpus,
            "node_ip_address": LOOPBACK,
            "include_dashboard": False,
        },
        shutdown_at_exit=True,
    )
    try:
        yield found
    finally:
        found.shutdown()
        if ray.is_initialized():
            # Ending a cluster cuts this process off from the store of its own Ray, too.
            _initialize_internal_kv(ray._private.worker.global_worker.gcs_client)


def add_node(found: Cluster, cpus: int = 1) -> Any:
    """One more node."""
    return found.add_node(num_cpus=cpus, node_ip_address=LOOPBACK)


def raylet_of(node: Any) -> int:
    """The process of a node that starts its workers."""
    [raylet] = node.all_processes["raylet"]
    return raylet.process.pid
