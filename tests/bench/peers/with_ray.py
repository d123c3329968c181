"""Ray: one node with two processors, so two worker processes. The driver owns and schedules its tasks; what stands for
the scheduler in memory is the node's daemon and its global store."""

import os
import shutil
import tempfile
import time

import ray

import work
from work import expect, record

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")


@ray.remote
def inc(x):
    return x + 1


@ray.remote
def add(x, y):
    return x + y + 1


@ray.remote
def total(*xs):
    return sum(xs) + 1


@ray.remote
def length(data):
    return len(data)


def infrastructure_bytes():
    """Resident bytes of the daemons that this process started."""
    found = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                name = os.path.basename(file.read().split(b"\0")[0])
            with open(f"/proc/{pid}/stat") as file:
                parent = int(file.read().rpartition(")")[2].split()[1])
            if name in (b"gcs_server", b"raylet") and parent == os.getpid():
                found += work.resident_bytes(pid)
        except OSError:
            pass
    return found


def noop(n):
    begin = time.perf_counter()
    found = sum(ray.get([inc.remote(x) for x in range(n)]))
    expect("the sum over no-ops", found, n * (n + 1) // 2)
    record("noop", n / (time.perf_counter() - begin), "tasks/s")


def latency(n):
    samples = []
    for x in range(work.LATENCY_CALLS):
        begin = time.perf_counter()
        expect("one call", ray.get(inc.remote(x)), x + 1)
        samples.append((time.perf_counter() - begin) * 1e6)
    record("latency_p50", work.percentile(samples, 0.5), "us")
    record("latency_p99", work.percentile(samples, 0.99), "us")


def chain(n):
    begin = time.perf_counter()
    last = inc.remote(0)
    for _ in range(work.CHAIN_LINKS - 1):
        last = inc.remote(last)
    expect("the chain", ray.get(last), work.CHAIN_LINKS)
    record("chain", (time.perf_counter() - begin) * 1e6 / work.CHAIN_LINKS, "us/task")


def tree(n):
    calls = 2 * work.TREE_LEAVES - 1
    begin = time.perf_counter()
    level = [inc.remote(0) for _ in range(work.TREE_LEAVES)]
    while len(level) > 1:
        level = [add.remote(x, y) for x, y in zip(level[::2], level[1::2])]
    expect("the tree", ray.get(level[0]), calls)
    record("tree", (time.perf_counter() - begin) * 1e6 / calls, "us/task")


def fan_in(n):
    begin = time.perf_counter()
    inputs = [inc.remote(0) for _ in range(work.FAN_IN_INPUTS)]
    expect("the fan-in", ray.get(total.remote(*inputs)), work.FAN_IN_INPUTS + 1)
    record("fan_in", (time.perf_counter() - begin) * 1e3, "ms")


def scatter(n):
    """Into the node's shared memory and out of it: nothing crosses a connection."""
    data = os.urandom(1 << 20) * work.OBJECT_MIB
    begin = time.perf_counter()
    future = ray.put(data)
    expect("the object", ray.get(length.remote(future)), len(data))
    record("scatter", work.OBJECT_MIB / (time.perf_counter() - begin), "MiB/s")
    begin = time.perf_counter()
    expect("the object back", len(ray.get(future)), len(data))
    record("gather", work.OBJECT_MIB / (time.perf_counter() - begin), "MiB/s")


def scheduler_memory(n):
    before = infrastructure_bytes()
    futures = [inc.remote(x) for x in range(n)]
    ray.wait(futures, num_returns=n)
    record("scheduler_memory", (infrastructure_bytes() - before) / n, "bytes/task")


METRICS = [noop, latency, chain, tree, fan_in, scatter, scheduler_memory]


def measure(metric, n):
    """Each metric has a node of its own, as with longshore-bench, and a folder that goes with it."""
    # short, since the names of sockets below it may not be long
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")
    ray.init(
        _temp_dir=folder,
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=2 << 30,
        logging_level="ERROR",
        log_to_driver=False,
    )
    try:
        ray.get([inc.remote(x) for x in range(200)])
        metric(n)
    finally:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    arguments = work.arguments()
    for metric in METRICS:
        named = [name for name in arguments.metrics if name.startswith(metric.__name__) or (
            name == "gather" and metric is scatter)]
        if named or not arguments.metrics:
            measure(metric, arguments.n)


if __name__ == "__main__":
    main()
