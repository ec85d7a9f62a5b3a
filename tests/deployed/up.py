"""A local AWS as a person has it: brought up, looked at by the commands of docs/local-aws.md, and taken down. Whether
its day agrees with the embedded run is the part `day`'s to say.
"""

import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import uuid

import bootstraps

# a day that takes half a minute
SIZE = ["--payments", "60", "--sales", "80"]
GOES_ON = "the partners go on"
# with the build of what is not there yet
UP_WITHIN_S = 900
DOWN_WITHIN_S = 60
COMMAND_S = 120
COMMANDS = re.compile(r"^```console\n\$ infra/aws/up\n(.*?)^```$", re.M | re.S)
# by what begins a command: what it shows of such a day
SHOWS = {
    "harmonia --deployed identifiers list --merchant": "wasabi-club",
    "harmonia --deployed identifiers list --unknown": "PRIMARY",
    "harmonia --deployed explain": ": closed",
    "harmonia --deployed exports": "none",
    "harmonia --deployed status": "delivered",
    "harmonia --deployed verify": "the audit log is whole and knows every change  holds",
    "aws s3 ls": ".csv",
    "sam logs": "told",
}
# of all processes that come of it, in their environment
MARK = "HARMONIA_UP_PART"


def commands(target):
    """Those of the page's first block, in their order; the environment lies where the target folder is."""
    page = (bootstraps.TOP / "docs" / "local-aws.md").read_text(encoding="utf-8")
    lines = [re.sub(r" {2,}# .*", "", line) for line in COMMANDS.search(page)[1].splitlines()]
    assert all(line.startswith("$ ") for line in lines), lines
    environment, *rest = [line[2:] for line in lines]
    assert environment == ". target/aws/environment", environment
    return f". '{target}/aws/environment'", rest


def left(mark):
    """Processes with the mark, but for this one: they are no children of it that end with it."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            marked = f"{MARK}={mark}".encode() in (folder / "environ").read_bytes()
            words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        # those that have ended and that nobody has asked after have no words
        if marked and words:
            found.append(f"{folder.name} {words}")
    return found


def until_it_goes_on(process, log):
    until = time.monotonic() + UP_WITHIN_S
    while GOES_ON not in (said := log.read_text(encoding="utf-8")):
        if process.poll() is not None or time.monotonic() > until:
            sys.exit("\n".join([*said.splitlines()[-30:], f"deployed: infra/aws/up does not get there, see {log}"]))
        time.sleep(0.5)


def looked_at(target, work, environment):
    """Every command that the page shows, each in a shell of its own, all in one folder."""
    sourced, rest = commands(target)
    met = set()
    for number, command in enumerate(rest):
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", f"{sourced}\n{command}"], cwd=work, env=environment,
                              stdin=subprocess.DEVNULL, text=True, capture_output=True, timeout=COMMAND_S)
        (work / f"command-{number}.log").write_text(f"$ {command}\n{done.stdout}{done.stderr}")
        begins = [begin for begin in SHOWS if command.startswith(begin)]
        if done.returncode or len(begins) != 1 or SHOWS[begins[0]] not in done.stdout:
            sys.exit(f"$ {command}\n{done.stdout[-2000:]}{done.stderr[-2000:]}\n"
                     f"deployed: exit code {done.returncode}, {begins}: this is not what docs/local-aws.md means")
        met.update(begins)
    assert met == set(SHOWS), f"not on the page: {set(SHOWS) - met}"


def down(environment):
    done = subprocess.run(["infra/aws/down"], cwd=bootstraps.TOP, env=environment, check=True, text=True,
                          stdout=subprocess.PIPE, timeout=DOWN_WITHIN_S)
    return done.stdout.strip()


def play(work, profile, tools):
    work.mkdir()
    mark, target = uuid.uuid4().hex, bootstraps.target()
    environment = {**os.environ, MARK: mark, "PATH": f"{tools}:{os.environ['PATH']}"}
    log = work / "up.log"
    with log.open("w") as said:
        process = subprocess.Popen(["infra/aws/up", "--profile", profile, *SIZE], cwd=bootstraps.TOP, env=environment,
                                   stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT)
    try:
        until_it_goes_on(process, log)
        assert left(mark), "its processes cannot be told from others"
        looked_at(target, work, environment)
        assert down(environment) == "ended"
        code = process.wait(DOWN_WITHIN_S)
        assert code == 0, f"infra/aws/up ends with {code}, see {log}"
        # the last of them end by a signal
        until = time.monotonic() + DOWN_WITHIN_S
        while (others := left(mark)) and time.monotonic() < until:
            time.sleep(0.2)
        assert not others, "\n".join(["left by infra/aws/up:", *others])
        assert down(environment) == "nothing runs"
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(DOWN_WITHIN_S)
