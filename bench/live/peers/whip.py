"""The HTTP side of WHIP that both echo servers share."""
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse


def serve(host, port, call, end):
    """Answers offers with call(offer, codec) and DELETE with end(); says "ready" once it listens."""

    class Whip(BaseHTTPRequestHandler):
        def do_GET(self):
            self.reply(200, "text/html", "<!doctype html><title>echo</title><body></body>")

        def do_POST(self):
            codec = parse_qs(urlparse(self.path).query)["codec"][0].upper()
            offer = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self.reply(201, "application/sdp", call(offer, codec))

        def do_DELETE(self):
            end()
            self.reply(200, "text/plain", "")

        def reply(self, status, kind, text):
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text)))
            self.send_header("Location", "/whip/1")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer((host, port), Whip)
    print("ready", flush=True)
    server.serve_forever()
