"""Two merchants on this machine: what they are told is noted, and how often they say "not yet" can be set."""

import collections
import http.server
import threading

NOT_YET, TAKEN = 202, 200


class Merchants:
    def __init__(self):
        self.lock = threading.Lock()
        # bodies as they came, by merchant and export
        self.told = collections.defaultdict(lambda: collections.defaultdict(list))
        self.not_yet = {"patient": 2, "hurried": 1_000_000}

    def __enter__(self):
        merchants = self

        class Desk(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PUT(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                _, merchant, rewards, export = self.path.split("/")
                status = merchants.answer(merchant, export, body) if rewards == "rewards" else 404
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Desk)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, merchant, export, body):
        with self.lock:
            bodies = self.told[merchant][export]
            bodies.append(body)
            return NOT_YET if len(bodies) <= self.not_yet[merchant] else TAKEN

    def take_all(self, merchant):
        with self.lock:
            self.not_yet[merchant] = 0

    def urls(self):
        return {merchant: f"http://127.0.0.1:{self.server.server_port}/{merchant}" for merchant in self.not_yet}

    def times(self, merchant):
        """How often each export was told; always with the same bytes."""
        with self.lock:
            for export, bodies in self.told[merchant].items():
                assert len(set(bodies)) == 1, f"{merchant} {export}: bodies differ: {bodies}"
            return [len(bodies) for bodies in self.told[merchant].values()]
