# Answers each scrape with 600 series that were not there before.
import http.server, itertools
turns = itertools.count()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        turn = next(turns)
        text = "".join(f'requests{{id="{turn}-{number}"}} 1\n' for number in range(600))
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(text.encode())
    def log_message(self, *_):
        pass
http.server.HTTPServer(("localhost", 8000), Handler).serve_forever()
