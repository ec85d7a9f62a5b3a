"""Builds what is needed, starts ministack, runs the parts that are asked for, and stops everything."""

import argparse
import pathlib
import shutil
import signal
import sys
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
# before the installed packages: one of them is called ministack, too
sys.path.insert(1, str(TOP / "infra" / "aws"))

import bootstraps  # noqa: E402
import guide  # noqa: E402
import machines  # noqa: E402
import partners  # noqa: E402
import poison  # noqa: E402
import sizes  # noqa: E402
import trains  # noqa: E402
import up  # noqa: E402
from bootstraps import cargo  # noqa: E402
from day import Day, definitions  # noqa: E402
from merchants import Merchants  # noqa: E402
from ministack import Ministack, free_port  # noqa: E402
from stack import Stack  # noqa: E402

ADAPTERS = ["-p", "harmonia-aws", "-p", "harmonia-runtime", "--test", "ministack",
            "--features", "harmonia-aws/deployed,harmonia-runtime/deployed"]
BY_HAND = ["-p", "harmonia-function-export", "--features", "deployed", "--example", "by-hand"]
PARTS = ["adapters", "partners", "sizes", "machines", "trains", "day", "guide", "up"]
# what these work with
BUILT = {"sizes", "machines", "trains", "day"}
# of machines and trains: their merchants need no keys
SECRET = {"card_key": "0123456789abcdef0123456789abcdef", "directory_key": "none", "aes_key": "none"}
# the demo's day has ten times as many lines; ministack needs minutes for these
DAY = {"seed": 1, "payments": 150, "sales": 200}
# the functions that the state machines call, and the schedules'
REAL = ["export", "import", "tick"]


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


def roles(work, sam, clock):
    with Ministack(work, enforce_roles=True) as ministack:
        stack = Stack(TOP, work / "stack", ministack.endpoint, "trains", TOP / "tests" / "deployed" / "definitions")
        stack.pack({})
        stack.deploy(sam, "http://127.0.0.1:1", {}, SECRET)
        clock.lap("stack deployed")
        partners.play(stack, clock)


def scenarios(work, sam, built, clock, parts):
    with Ministack(work, enforce_roles=True) as ministack, Merchants() as merchants:
        stack = Stack(TOP, work / "stack", ministack.endpoint, "trains", TOP / "tests" / "deployed" / "definitions")
        stack.pack({f"harmonia-{name}": built[f"harmonia-{name}"] for name in REAL})
        stack.deploy(sam, "http://127.0.0.1:1", merchants.urls(), SECRET)
        clock.lap("stack deployed")
        stack.quiet()
        by_hand = bootstraps.target() / "debug" / "examples" / "by-hand"
        if "machines" in parts:
            machines.play(stack, by_hand, clock)
        if "trains" in parts:
            trains.play(stack, merchants, by_hand, clock)


def day(work, sam, built, command, clock):
    """The demo's files and messages come to the same as in the embedded run, with a poison message among them."""
    with Ministack(work, enforce_roles=True) as ministack:
        stack = Stack(TOP, work / "stack", ministack.endpoint, "day", definitions(TOP, work / "definitions"))
        stack.pack(built)
        played = Day(command, free_port(), **DAY)
        outside = played.outside()
        stack.deploy(sam, outside["directory_url"], outside["merchant_urls"], outside["secret"])
        clock.lap("stack deployed")
        bad = poison.Poison(stack)
        playing = played.play(stack)
        try:
            bad.alone_and_redriven(playing)
            clock.lap("poison: alone in its dead letters, redriven")
            if playing.wait():
                sys.exit("deployed: the day differs")
        finally:
            playing.kill()
    clock.lap("the day on the stack is the embedded run's")


def followed(work, command, tools, clock):
    work.mkdir()
    # without the roles, which a stack there cannot have as they are (`Stack.with_batches`)
    with Ministack(work / "up", enforce_roles=False) as ministack:
        guide.play(work, ministack.endpoint, command, tools)
    clock.lap("the guides can be followed")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sam", required=True)
    parser.add_argument("--tools", help="folders of programs that the guide asks for, with colons", default="")
    parser.add_argument("--write", action="store_true", help="sizes: write the table into docs/functions.md")
    parser.add_argument("--profile", choices=["lambda", "dev"], default="lambda")
    parser.add_argument("parts", nargs="*", metavar="PART")
    asked = parser.parse_args()
    # not `choices`: older Pythons hold the list of none against them
    asked.parts = asked.parts or PARTS
    if unknown := set(asked.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    # whoever ends this ends what it started
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("deployed: ended"))
    clock, built, command = Clock(), {}, None
    if "adapters" in asked.parts:
        cargo("test", "--locked", "--quiet", "--no-run", *ADAPTERS)
    in_stack = {"machines", "trains"}.intersection(asked.parts)
    if in_stack:
        cargo("build", "--locked", "--quiet", *BY_HAND)
    if {"day", "guide"} & set(asked.parts):
        command = bootstraps.command()
    clock.lap("built")
    if BUILT & set(asked.parts):
        built = bootstraps.build(asked.profile)
        clock.lap("bootstraps built")
    work = bootstraps.target() / "deployed"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    if "adapters" in asked.parts:
        adapters(work / "adapters", clock)
    if "partners" in asked.parts:
        roles(work / "partners", asked.sam, clock)
    if "sizes" in asked.parts:
        sizes.play(built, work / "sizes", asked.write)
        clock.lap("sizes and starts")
    if in_stack:
        scenarios(work / "stack", asked.sam, built, clock, in_stack)
    if "day" in asked.parts:
        day(work / "day", asked.sam, built, command, clock)
    if "guide" in asked.parts:
        followed(work / "guide", command, asked.tools, clock)
    if "up" in asked.parts:
        up.play(work / "up", asked.profile, asked.tools)
        clock.lap("a local AWS comes up, can be looked at, and goes down")
    print("deployed: ok")


main()
