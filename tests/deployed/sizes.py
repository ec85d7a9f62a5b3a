"""How large each function is and how soon it works: as shipped, on this machine, without Lambda around it.

A small Runtime API hands each bootstrap one empty batch, and plays Secrets Manager for those that read the secret when
they start. `init` is from the start of the process until it asks for its first event; `first answer` until it has
answered it. Neither holds what Lambda itself needs to fetch and unpack the package.
"""

import http.server
import io
import json
import os
import pathlib
import statistics
import subprocess
import sys
import threading
import time
import zipfile

# what a function may have (issue "deployed for real"), stripped and zipped
STRIPPED_BYTES_MAX, ZIP_BYTES_MAX = 9_000_000, 3_500_000
# those that may have more, and why: today's sizes with some room
OBJECTS = "the client of S3 with checksums of every kind"
LARGER = {
    "audit": (9_300_000, 4_300_000, OBJECTS),
    "export": (10_800_000, 4_950_000, f"{OBJECTS}; HTTP to merchants and their ciphers"),
    "identify": (9_000_000, 3_700_000, "HTTP to the user directory"),
    "import": (10_900_000, 5_000_000, f"{OBJECTS}; the readers of all feeds, compiled for speed"),
    "tick": (9_000_000, 3_900_000, "what batches are made of, beside the match stage"),
}
# what a start may need, at best: a busy machine is slow now and then, but not each time
INIT_MS_MAX = 30
RUNS = 11
SECRET = {"card_key": "0123456789abcdef0123456789abcdef", "directory_key": "none", "aes_key": "none"}
WAIT_S = 20
DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "functions.md"
BEGIN, END = "<!-- measured by tests/deployed/run sizes -->", "<!-- end -->"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1",
    "AWS_LAMBDA_FUNCTION_NAME": "sizes", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512", "AWS_LAMBDA_FUNCTION_VERSION": "1",
    "AWS_LAMBDA_LOG_GROUP_NAME": "sizes", "AWS_LAMBDA_LOG_STREAM_NAME": "sizes",
    "HARMONIA_TABLE_BOOK": "book", "HARMONIA_TABLE_LEDGER": "ledger", "HARMONIA_TABLE_REGISTRY": "registry",
    "HARMONIA_EVENT_BUS": "bus", "HARMONIA_SECRETS": "secrets", "RUST_LOG": "error",
}


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """A process that is ended breaks its connections off."""


class Runtime:
    """The Runtime API for one process and one event."""

    def __enter__(self):
        runtime = self
        self.asked, self.answered, self.body = threading.Event(), threading.Event(), None

        class Desk(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                runtime.asked_at = runtime.asked_at or time.perf_counter()
                if runtime.asked.is_set():
                    runtime.answered.wait()
                    time.sleep(WAIT_S)
                    return
                runtime.asked.set()
                body = b'{"Records":[]}'
                self.send_response(200)
                for name, value in {
                    "Content-Length": str(len(body)), "Content-Type": "application/json",
                    "Lambda-Runtime-Aws-Request-Id": "00000000-0000-4000-8000-000000000000",
                    "Lambda-Runtime-Deadline-Ms": str(int((time.time() + WAIT_S) * 1000)),
                    "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:000000000000:function:sizes",
                }.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.headers.get("X-Amz-Target") == "secretsmanager.GetSecretValue":
                    secret = json.dumps({"Name": "secrets", "SecretString": json.dumps(SECRET)}).encode()
                    self.send_response(200)
                    self.send_header("Content-Type", "application/x-amz-json-1.1")
                    self.send_header("Content-Length", str(len(secret)))
                    self.end_headers()
                    self.wfile.write(secret)
                    return
                runtime.answered_at, runtime.path, runtime.body = time.perf_counter(), self.path, body
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()
                runtime.answered.set()

            def log_message(self, *_):
                pass

        self.asked_at = None
        self.server = Server(("127.0.0.1", 0), Desk)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()

    def start(self, bootstrap):
        """Milliseconds until the first event was asked for, until it was answered, and of the processor until then."""
        here = f"127.0.0.1:{self.server.server_port}"
        environment = {**ENVIRONMENT, "AWS_LAMBDA_RUNTIME_API": here, "AWS_ENDPOINT_URL": f"http://{here}"}
        began = time.perf_counter()
        process = subprocess.Popen([bootstrap], env=environment, stdout=subprocess.DEVNULL)
        try:
            assert self.answered.wait(WAIT_S), f"{bootstrap} has not answered"
        finally:
            process.kill()
            _, process.returncode, used = os.wait4(process.pid, 0)
        # tick knows schedules only, and has to say so; the others have nothing to do
        refuses = bootstrap.name == "harmonia-tick"
        as_meant = b"Harmonia.BadEvent" in self.body if refuses else self.path.endswith("/response")
        assert as_meant, f"{bootstrap}: {self.path} {self.body}"
        seconds = self.asked_at - began, self.answered_at - began, used.ru_utime + used.ru_stime
        return [1000 * one for one in seconds]


def zipped(bootstrap):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(bootstrap, "bootstrap")
    return len(packed.getvalue())


def stripped(bootstrap, folder):
    path = folder / bootstrap.parent.name
    subprocess.run(["strip", "-o", path, bootstrap], check=True)
    return path


def measure(bootstrap, folder):
    path = stripped(bootstrap, folder)
    times = []
    for _ in range(RUNS):
        with Runtime() as runtime:
            times.append(runtime.start(path))
    medians = (statistics.median(column) for column in zip(*times))
    return os.path.getsize(path), zipped(path), *medians, min(init for init, *_ in times)


def larger(measured, name):
    size, packed, *_ = measured[name]
    return size > STRIPPED_BYTES_MAX or packed > ZIP_BYTES_MAX


def table(measured):
    head = "| function | stripped, bytes | zip, bytes | init, ms | first answer, ms | processor, ms | larger, for |"
    lines = [head, "|---|--:|--:|--:|--:|--:|---|"]
    for name, (size, packed, init, first, used, _) in sorted(measured.items()):
        why = LARGER[name][2] if name in LARGER else ""
        lines.append(f"| {name} | {size:,} | {packed:,} | {init:.0f} | {first:.0f} | {used:.0f} | {why} |")
    return "\n".join(lines)


def write(text):
    document = DOCUMENT.read_text(encoding="utf-8")
    before, rest = document.split(BEGIN)
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.split(END)[1]}", encoding="utf-8")


def play(built, folder, keep):
    folder.mkdir()
    measured = {name.removeprefix("harmonia-"): measure(bootstrap, folder) for name, bootstrap in built.items()}
    print(table(measured), flush=True)
    wrong = [f"{name} is no longer larger than others may be" for name in LARGER if not larger(measured, name)]
    for name, (size, packed, *_, best) in measured.items():
        size_max, packed_max, _ = LARGER.get(name, (STRIPPED_BYTES_MAX, ZIP_BYTES_MAX, ""))
        wrong += [f"{name} has {size} bytes, at most {size_max}"] * (size > size_max)
        wrong += [f"{name} has {packed} bytes zipped, at most {packed_max}"] * (packed > packed_max)
        wrong += [f"{name} asks for an event after {best:.0f} ms at best, at most {INIT_MS_MAX}"] * (best > INIT_MS_MAX)
    if wrong:
        sys.exit("deployed: " + "; ".join(wrong))
    if keep:
        write(table(measured))
