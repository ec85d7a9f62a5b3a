"""The deploy guide, followed to the letter: its commands run one after the other in one shell, on ministack."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import bootstraps
from stack import NEVER, TLS_ONLY

BLOCK = re.compile(r"^(<!-- needs an account -->\n)?```sh\n(.*?)^```$", re.M | re.S)
# fewer is a mistake in how they are found
BLOCKS_MIN = 8
LIMIT_S = 1800
# what SAM looks for its packages beside
COPIED = ("template.yaml", "samconfig.toml")
# nobody is asked in the guide: its message waits for a directory
DIRECTORY = "http://127.0.0.1:1"


def blocks(text):
    found = [body for account, body in BLOCK.findall(text) if not account]
    assert len(found) >= BLOCKS_MIN, f"only {len(found)} blocks are run"
    return found


def checkout(folder, command, tools):
    """A folder that looks like a checkout and may be written into; the build is the real one's."""
    folder.mkdir()
    for path in bootstraps.TOP.iterdir():
        if path.name in COPIED:
            # ministack speaks plain HTTP: the refusals of whatever does not come by TLS must not meet
            text = path.read_text(encoding="utf-8").replace(TLS_ONLY, NEVER)
            (folder / path.name).write_text(text, encoding="utf-8")
        elif path.name not in ("target", ".git", ".aws-sam"):
            (folder / path.name).symlink_to(path)
    (folder / "target").symlink_to(bootstraps.target())
    programs = folder / "target-programs"
    programs.mkdir()
    (programs / "harmonia").symlink_to(command)
    program(programs / "cargo", f'cd "{bootstraps.TOP}" && exec "{shutil.which("cargo")}" "$@"')
    # version 1 goes past AWS_ENDPOINT_URL to an older address of SQS
    aws = shutil.which("aws", path=tools)
    program(programs / "aws", f'exec "{aws}" --endpoint-url "$AWS_ENDPOINT_URL" "$@"')
    return programs


def program(path, line):
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def play(work, endpoint, command, tools):
    """`tools`: folders of the programs that the guide asks for, with colons."""
    text = (bootstraps.TOP / "docs" / "deploy.md").read_text(encoding="utf-8")
    programs = checkout(work / "checkout", command, tools)
    path = f"{programs}:{tools}:{os.environ['PATH']}"
    script = work / "guide.sh"
    script.write_text("set -euxo pipefail\n" + "\n".join(blocks(text)))
    environment = {**os.environ, "AWS_ENDPOINT_URL": endpoint, "DIRECTORY_URL": DIRECTORY, "PATH": path,
                   "AWS_PAGER": ""}
    with (work / "guide.log").open("w") as log:
        done = subprocess.run(["bash", script], cwd=work / "checkout", env=environment, stdin=subprocess.DEVNULL,
                              stdout=log, stderr=subprocess.STDOUT, timeout=LIMIT_S)
    if done.returncode:
        last = (work / "guide.log").read_text(encoding="utf-8").splitlines()[-30:]
        sys.exit("\n".join([*last, f"deployed: the guide fails, see {work / 'guide.log'}"]))
    # the last thing that it shows of its file
    first = (pathlib.Path(work) / "checkout" / "first.txt").read_text(encoding="utf-8")
    assert ": closed" in first, first
