"""dask.distributed: a scheduler and two workers of one thread, each a process, over loopback TCP."""

import asyncio
import os
import subprocess
import sys
import tempfile
import time

from distributed import Client, wait

import work
from work import expect, record

HERE = os.path.dirname(os.path.abspath(__file__))


class Cluster:
    def __init__(self):
        port = work.free_port()
        self.address = f"tcp://127.0.0.1:{port}"
        self.folder = tempfile.TemporaryDirectory()
        # workers must find the functions
        env = dict(os.environ, PYTHONPATH=HERE)
        quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder.name, env=env)
        module = [sys.executable, "-m"]
        local = ["--host", "127.0.0.1", "--no-dashboard"]
        scheduler = module + ["distributed.cli.dask_scheduler", "--port", str(port)]
        self.scheduler = subprocess.Popen(scheduler + local, **quiet)
        worker = module + ["distributed.cli.dask_worker", self.address, "--no-nanny", "--nthreads", "1"]
        self.workers = [
            subprocess.Popen(worker + ["--memory-limit", "0"] + local, **quiet) for _ in range(2)
        ]

    def close(self):
        for process in self.workers + [self.scheduler]:
            process.kill()
            process.wait()
        self.folder.cleanup()


async def noop(client, cluster, n):
    begin = time.perf_counter()
    futures = client.map(work.inc, range(n), pure=False)
    expect("the sum over no-ops", sum(await client.gather(futures)), n * (n + 1) // 2)
    record("noop", n / (time.perf_counter() - begin), "tasks/s")


async def latency(client, cluster, n):
    samples = []
    for x in range(work.LATENCY_CALLS):
        begin = time.perf_counter()
        expect("one call", await client.submit(work.inc, x, pure=False), x + 1)
        samples.append((time.perf_counter() - begin) * 1e6)
    record("latency_p50", work.percentile(samples, 0.5), "us")
    record("latency_p99", work.percentile(samples, 0.99), "us")


async def chain(client, cluster, n):
    begin = time.perf_counter()
    last = client.submit(work.inc, 0, pure=False)
    for _ in range(work.CHAIN_LINKS - 1):
        last = client.submit(work.inc, last, pure=False)
    expect("the chain", await last, work.CHAIN_LINKS)
    record("chain", (time.perf_counter() - begin) * 1e6 / work.CHAIN_LINKS, "us/task")


async def tree(client, cluster, n):
    calls = 2 * work.TREE_LEAVES - 1
    begin = time.perf_counter()
    level = client.map(work.inc, [0] * work.TREE_LEAVES, pure=False)
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2])
        level = [client.submit(work.add, x, y, pure=False) for x, y in pairs]
    expect("the tree", await level[0], calls)
    record("tree", (time.perf_counter() - begin) * 1e6 / calls, "us/task")


async def fan_in(client, cluster, n):
    begin = time.perf_counter()
    inputs = client.map(work.inc, [0] * work.FAN_IN_INPUTS, pure=False)
    result = await client.submit(work.total, inputs, pure=False)
    expect("the fan-in", result, work.FAN_IN_INPUTS + 1)
    record("fan_in", (time.perf_counter() - begin) * 1e3, "ms")


async def scatter(client, cluster, n):
    data = os.urandom(1 << 20) * work.OBJECT_MIB
    begin = time.perf_counter()
    future = await client.scatter(data, direct=True, hash=False)
    expect("the object", await client.submit(len, future, pure=False), len(data))
    record("scatter", work.OBJECT_MIB / (time.perf_counter() - begin), "MiB/s")
    begin = time.perf_counter()
    expect("the object back", len(await client.gather(future, direct=True)), len(data))
    record("gather", work.OBJECT_MIB / (time.perf_counter() - begin), "MiB/s")


async def worker_to_worker(client, cluster, n):
    one, other = list((await client.scheduler.identity())["workers"])[:2]
    count = work.EXCHANGED_MIB << 20
    made = [client.submit(work.block, count, workers=[one], pure=False) for _ in range(work.OBJECTS)]
    await wait(made)
    begin = time.perf_counter()
    used = [client.submit(len, future, workers=[other], pure=False) for future in made]
    expect("what was exchanged", sum(await client.gather(used)), work.OBJECTS * count)
    record("worker_to_worker", work.OBJECTS * work.EXCHANGED_MIB / (time.perf_counter() - begin), "MiB/s")


async def scheduler_memory(client, cluster, n):
    before = work.resident_bytes(cluster.scheduler.pid)
    futures = client.map(work.inc, range(n), pure=False)
    await wait(futures)
    after = work.resident_bytes(cluster.scheduler.pid)
    record("scheduler_memory", (after - before) / n, "bytes/task")


METRICS = [noop, latency, chain, tree, fan_in, scatter, worker_to_worker, scheduler_memory]


async def measure(metric, n):
    """Each metric has a cluster of its own, as with longshore-bench."""
    cluster = Cluster()
    try:
        async with Client(cluster.address, asynchronous=True, timeout=60) as client:
            await client.wait_for_workers(2, timeout=60)
            await client.gather(client.map(work.inc, range(200), pure=False))
            await metric(client, cluster, n)
    finally:
        cluster.close()


async def main():
    arguments = work.arguments()
    for metric in METRICS:
        named = [name for name in arguments.metrics if name.startswith(metric.__name__) or (
            name == "gather" and metric is scatter)]
        if named or not arguments.metrics:
            await measure(metric, arguments.n)


if __name__ == "__main__":
    asyncio.run(main())
