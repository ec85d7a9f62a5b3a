"""The functions' bootstraps, built once for the whole workspace."""

import os
import pathlib
import platform
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
MACHINE = {"x86_64": "x86-64", "aarch64": "arm64"}[platform.machine()]


def target():
    return pathlib.Path(os.environ["CARGO_TARGET_DIR"])


def cargo(*arguments, **environment):
    done = subprocess.run(["cargo", *arguments], cwd=TOP, env={**os.environ, **environment})
    if done.returncode:
        sys.exit(f"cargo {arguments[0]} failed")


def functions():
    """Names of the functions, which are folders."""
    return sorted(path.parent.name for path in (TOP / "functions").glob("*/Cargo.toml"))


def build(profile):
    """`lambda`: as it is shipped, by cargo-lambda. `dev`: quickly, for this machine only. Returns them by name."""
    packages = [word for name in functions() for word in ("-p", f"harmonia-function-{name}")]
    wanted = ["--locked", "--quiet", "--features", "deployed", *packages]
    if profile == "lambda":
        cargo("lambda", "build", "--profile", profile, f"--{MACHINE}", *wanted)
        return {f"harmonia-{name}": target() / "lambda" / f"harmonia-{name}" / "bootstrap" for name in functions()}
    cargo("build", *wanted, "--bins")
    return {f"harmonia-{name}": target() / "debug" / f"harmonia-{name}" for name in functions()}


def command():
    """The `harmonia` command with what it needs for a stack."""
    cargo("build", "--locked", "--quiet", "-p", "harmonia", "--features", "aws")
    return target() / "debug" / "harmonia"
