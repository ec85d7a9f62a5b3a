"""The guides, followed to the letter: their commands run one after the other in one shell, on ministack."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import boto3
import bootstraps
from stack import NEVER, TLS_ONLY

BLOCK = re.compile(r"^(<!-- needs an account -->\n)?```sh\n(.*?)^```$", re.M | re.S)
# what is followed, in this order; fewer blocks than that are a mistake in how they are found
GUIDES = {"deploy.md": 8, "restore.md": 7}
LIMIT_S = 1800
# who does something after all of it, which has to come into the audit log
LAST = "after-the-guide@example.com"
AFTER = f"""harmonia --deployed pause wasabi-club --by {LAST} --why audited
harmonia --deployed resume wasabi-club --by {LAST}"""
AUDITED_WITHIN_S = 90
# what SAM looks for its packages beside
COPIED = ("template.yaml", "samconfig.toml")
# nobody is asked in the guide: its message waits for a directory
DIRECTORY = "http://127.0.0.1:1"


def blocks():
    followed = []
    for name, least in GUIDES.items():
        text = (bootstraps.TOP / "docs" / name).read_text(encoding="utf-8")
        found = [body for account, body in BLOCK.findall(text) if not account]
        assert len(found) >= least, f"only {len(found)} blocks of {name} are run"
        followed += found
    return followed


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


def kept(endpoint):
    """The stack that the guide made keeps its logs as long as its environment does. (The audit log's lock is no part
    of ministack's buckets; a test of the template works it out.)"""
    page = (bootstraps.TOP / "docs" / "environments.md").read_text(encoding="utf-8")
    days = int(re.search(r"^\| logs \| (\d+) days \|", page, re.M)[1])
    groups = boto3.client("logs", endpoint_url=endpoint).describe_log_groups()["logGroups"]
    ours = {group["logGroupName"]: group.get("retentionInDays") for group in groups if "harmonia-dev" in
            group["logGroupName"]}
    assert len(ours) >= len(bootstraps.functions()) and set(ours.values()) == {days}, ours


def audited(endpoint):
    """The streams of the restored tables are read: what was done last is in the audit log."""
    storage = boto3.client("s3", endpoint_url=endpoint)
    bucket, = [bucket["Name"] for bucket in storage.list_buckets()["Buckets"] if "harmonia-dev-audit" in bucket["Name"]]
    until = time.monotonic() + AUDITED_WITHIN_S
    while time.monotonic() < until:
        keys = [found["Key"] for found in storage.list_objects_v2(Bucket=bucket).get("Contents", [])]
        segments = [storage.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in keys]
        if any(LAST in segment for segment in segments):
            return
        time.sleep(1)
    sys.exit(f"deployed: the restored tables are not audited: {LAST} is in none of {len(keys)} segments")


def play(work, endpoint, command, tools):
    """`tools`: folders of the programs that the guide asks for, with colons."""
    programs = checkout(work / "checkout", command, tools)
    path = f"{programs}:{tools}:{os.environ['PATH']}"
    script = work / "guide.sh"
    script.write_text("set -euxo pipefail\n" + "\n".join([*blocks(), AFTER]))
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
    kept(endpoint)
    audited(endpoint)
