"""Builds what is needed, starts ministack, runs the parts that are asked for, and stops everything."""

import argparse
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import machines
import trains
from merchants import Merchants
from ministack import Ministack
from stack import Stack

TOP = pathlib.Path(__file__).resolve().parents[2]
ADAPTERS = ["-p", "harmonia-aws", "-p", "harmonia-runtime", "--test", "ministack",
            "--features", "harmonia-aws/deployed,harmonia-runtime/deployed"]
REAL = ["export", "import", "tick"]
FUNCTIONS = [*(word for name in REAL for word in ("-p", f"harmonia-function-{name}")), "--features",
             ",".join(f"harmonia-function-{name}/deployed" for name in REAL), "--bins", "--example", "by-hand"]


def cargo(*arguments, **environment):
    done = subprocess.run(["cargo", *arguments], cwd=TOP, env={**os.environ, **environment})
    if done.returncode:
        sys.exit(f"deployed: cargo {arguments[0]} failed")


class Clock:
    """Says how long each part took."""

    def __init__(self):
        self.began = time.monotonic()

    def lap(self, words):
        now = time.monotonic()
        print(f"deployed: {words}: {now - self.began:.1f} s", flush=True)
        self.began = now


def adapters(work, clock):
    with Ministack(work, enforce_roles=False) as ministack:
        cargo("test", "--locked", "--quiet", *ADAPTERS, HARMONIA_MINISTACK=ministack.endpoint,
              AWS_ENDPOINT_URL=ministack.endpoint)
    clock.lap("adapters agree with ministack")


def scenarios(work, sam, clock, parts):
    built = pathlib.Path(os.environ["CARGO_TARGET_DIR"]) / "debug"
    with Ministack(work, enforce_roles=True) as ministack, Merchants() as merchants:
        stack = Stack(TOP, work / "stack", ministack.endpoint)
        stack.pack({f"harmonia-{name}": built / f"harmonia-{name}" for name in REAL})
        stack.deploy(sam, merchants.urls())
        clock.lap("stack deployed")
        stack.quiet()
        by_hand = built / "examples" / "by-hand"
        if "machines" in parts:
            machines.play(stack, by_hand, clock)
        if "trains" in parts:
            trains.play(stack, merchants, by_hand, clock)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sam", required=True)
    parser.add_argument("parts", nargs="+", choices=["adapters", "machines", "trains"])
    asked = parser.parse_args()
    # whoever ends this ends what it started
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("deployed: ended"))
    clock = Clock()
    if "adapters" in asked.parts:
        cargo("test", "--locked", "--quiet", "--no-run", *ADAPTERS)
    in_stack = {"machines", "trains"}.intersection(asked.parts)
    if in_stack:
        cargo("build", "--locked", "--quiet", *FUNCTIONS)
    clock.lap("built")
    work = pathlib.Path(os.environ["CARGO_TARGET_DIR"]) / "deployed"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    if "adapters" in asked.parts:
        adapters(work / "adapters", clock)
    if in_stack:
        scenarios(work / "stack", asked.sam, clock, in_stack)
    print("deployed: ok")


main()
