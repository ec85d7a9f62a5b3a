"""Brings the stack up on ministack, plays a day through it, and leaves it running for a person."""

import argparse
import os
import pathlib
import shutil
import signal
import sys

import bootstraps
import variables
from day import Day, definitions
from ministack import Ministack, free_port
from stack import Stack

NAME = "local"


def for_shell(stack, folder):
    """Everything that works on the stack: the aws and sam commands, `harmonia --deployed`, functions in containers.
    `folder`, with the commands that the stack was made with, comes first on the path."""
    everything = stack.everything()
    names = ["AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "LAMBDA_TASK_ROOT"]
    found = variables.of_stack(stack.client, f"harmonia-{NAME}")
    said = variables.for_shell({**found, **{name: everything[name] for name in names}, "SAM_CLI_TELEMETRY": "0",
                                "HARMONIA_ENDPOINT_URL": stack.endpoint})
    return f"{said}export PATH='{folder.resolve()}':\"$PATH\"\n"


def commands(folder, *programs):
    folder.mkdir()
    for program in programs:
        (folder / program.name).symlink_to(program.resolve())
    return folder


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sam", required=True)
    parser.add_argument("--profile", choices=["lambda", "dev"], required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--payments", type=int, default=200)
    parser.add_argument("--sales", type=int, default=300)
    parser.add_argument("--address", default="127.0.0.1", help="of this machine; containers reach their bridge's only")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    command, built = bootstraps.command(), bootstraps.build(asked.profile)
    work = bootstraps.target() / "aws"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    (work / "pid").write_text(str(os.getpid()))
    with Ministack(work / "up", enforce_roles=True, address=asked.address) as ministack:
        stack = Stack(bootstraps.TOP, work / "stack", ministack.endpoint, NAME,
                      definitions(bootstraps.TOP, work / "definitions"))
        stack.pack(built)
        day = Day(str(command), free_port(), asked.seed, asked.payments, asked.sales)
        outside = day.outside()
        print("deploying …", flush=True)
        stack.deploy(asked.sam, outside["directory_url"], outside["merchant_urls"], outside["secret"])
        found = commands(work / "bin", pathlib.Path(asked.sam), command)
        (work / "environment").write_text(for_shell(stack, found))
        print(f"the stack harmonia-{NAME} is at {ministack.endpoint}; a day is played through it", flush=True)
        print(f"  . {work}/environment    # then: aws s3 ls · aws sqs list-queues · sam logs --stack-name "
              f"harmonia-{NAME}", flush=True)
        playing = day.play(stack, keep=True)
        try:
            sys.exit(playing.wait())
        except KeyboardInterrupt:
            playing.wait()
        finally:
            playing.kill()


main()
