"""What the peers' scripts share: the functions, the sizes of the work, and one JSON object a line.

Sizes and names are those of longshore-bench, so that the rows can be put side by side.
"""

import argparse
import json
import os
import socket

LATENCY_CALLS = 500
CHAIN_LINKS = 2_000
TREE_LEAVES = 1 << 13
FAN_IN_INPUTS = 2_000
OBJECT_MIB = 256
OBJECTS = 8
EXCHANGED_MIB = 64


def inc(x):
    return x + 1


def add(x, y):
    return x + y + 1


def total(xs):
    return sum(xs) + 1


def block(count):
    return b"x" * count


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, default=20_000)
    parser.add_argument("metrics", nargs="*")
    return parser.parse_args()


def record(metric, value, unit):
    print(json.dumps({"metric": metric, "mode": "tcp", "value": value, "unit": unit}), flush=True)


def percentile(samples, part):
    samples = sorted(samples)
    return samples[round((len(samples) - 1) * part)]


def expect(what, found, wanted):
    if found != wanted:
        raise SystemExit(f"{what} gave {found} instead of {wanted}")


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
