"""ministack: AWS played by one process on this machine, on a free port of one of its addresses."""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

READY_S = 60
STOP_S = 10


def free_port(address="127.0.0.1"):
    with socket.socket() as listener:
        listener.bind((address, 0))
        return listener.getsockname()[1]


class Ministack:
    def __init__(self, work, enforce_roles, address="127.0.0.1"):
        self.log = work / "ministack.log"
        self.folder = work / "ministack"
        work.mkdir(parents=True)
        self.folder.mkdir()
        port = free_port(address)
        self.endpoint = f"http://{address}:{port}"
        # its endpoint is copied into every function's environment
        self.environment = {
            **os.environ, "AUTH": str(enforce_roles).lower(), "BIND_HOST": address, "GATEWAY_PORT": str(port),
            "AWS_ENDPOINT_URL": self.endpoint, "IOT_MTLS_ENABLED": "0", "TMPDIR": str(self.folder),
            "MINISTACK_REGION": os.environ["AWS_DEFAULT_REGION"],
        }

    def __enter__(self):
        program = pathlib.Path(sys.executable).parent / "ministack"
        with self.log.open("w") as log:
            # a group of its own, which the functions' processes belong to
            self.process = subprocess.Popen([program], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            self.wait()
        except BaseException:
            self.stop()
            raise
        return self

    def wait(self):
        until = time.monotonic() + READY_S
        while time.monotonic() < until:
            if self.process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"{self.endpoint}/_ministack/health", timeout=2):
                    return
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.2)
        raise SystemExit(f"ministack is not ready, see {self.log}")

    def stop(self):
        for ending in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, ending)
            except ProcessLookupError:
                return
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                continue

    def __exit__(self, *_):
        self.stop()
