"""Builds what is needed, starts ministack, runs the parts that are asked for, and stops everything."""

import argparse
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import trains
from merchants import Merchants
from ministack import Ministack
from stack import Stack

TOP = pathlib.Path(__file__).resolve().parents[2]
ADAPTERS = ["-p", "harmonia-aws", "-p", "harmonia-runtime", "--test", "ministack",
            "--features", "harmonia-aws/deployed,harmonia-runtime/deployed"]
EXPORT = ["-p", "harmonia-function-export", "--features", "deployed", "--bin", "harmonia-export", "--example", "by-hand"]


def cargo(*arguments, **environment):
    subprocess.run(["cargo", *arguments], cwd=TOP, check=True, env={**os.environ, **environment})


class Clock:
    """Says how long each part took."""

    def __init__(self):
        self.began = time.monotonic()

    def lap(self, words):
        now = time.monotonic()
        print(f"deployed: {words}: {now - self.began:.1f} s", flush=True)
        self.began = now


def adapters(ministack, clock):
    cargo("test", "--locked", "--quiet", *ADAPTERS, HARMONIA_MINISTACK=ministack.endpoint,
          AWS_ENDPOINT_URL=ministack.endpoint)
    clock.lap("adapters agree with ministack")


def scenario(ministack, sam, work, clock):
    built = pathlib.Path(os.environ["CARGO_TARGET_DIR"]) / "debug"
    with Merchants() as merchants:
        stack = Stack(TOP, work / "stack", ministack.endpoint)
        stack.pack({"harmonia-export": built / "harmonia-export"})
        stack.deploy(sam, merchants.urls())
        clock.lap("stack deployed")
        stack.quiet()
        trains.play(stack, merchants, built / "examples" / "by-hand", clock)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sam", required=True)
    parser.add_argument("parts", nargs="+", choices=["adapters", "trains"])
    asked = parser.parse_args()
    # whoever ends this ends what it started
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("deployed: ended"))
    clock = Clock()
    if "adapters" in asked.parts:
        cargo("test", "--locked", "--quiet", "--no-run", *ADAPTERS)
    if "trains" in asked.parts:
        cargo("build", "--locked", "--quiet", *EXPORT)
    clock.lap("built")
    work = pathlib.Path(os.environ["CARGO_TARGET_DIR"]) / "deployed"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    with Ministack(work) as ministack:
        clock.lap("ministack ready")
        if "adapters" in asked.parts:
            adapters(ministack, clock)
        if "trains" in asked.parts:
            scenario(ministack, asked.sam, work, clock)
    clock.lap("ministack stopped")
    print("deployed: ok")


main()
