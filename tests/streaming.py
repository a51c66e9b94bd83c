"""A camera on the network, as far as anybody can tell who asks for its stream."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def served(*answers: tuple[str, bytes]) -> Iterator[str]:
    """An HTTP server that gives one stream after the other and then refuses.

    Each is sent whole and its connection cut, as by a camera that loses its power.
    """
    waiting = list(answers)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not waiting:
                self.send_error(503)
                return
            kind, data = waiting.pop(0)
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *arguments) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/stream"
        finally:
            server.shutdown()
            thread.join()
