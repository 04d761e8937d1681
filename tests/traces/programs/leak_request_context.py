# trace: limit=96M seconds=300 kind=leak class=leak split=score
# A web API that keeps the context of every request in a global dict (only requests that fail are taken out again); load goes up and down.
import http.client, http.server, json, math, os, random, socket, socketserver, threading, time
random.seed(4101)
CONTEXTS = {}
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        ident = self.headers["X-Request-Id"]
        CONTEXTS[ident] = {"headers": dict(self.headers), "body": body, "began": time.time(), "steps": ["parse", "check", "store"]}
        if len(body) < 2500:
            del CONTEXTS[ident]
            code, answer = 422, {"error": "too short"}
        else:
            code, answer = 200, {"id": ident, "size": len(body)}
        text = json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    def address_string(self): return "local"
    def log_message(self, *words): pass
class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
class Connection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect("api.sock")
if os.path.exists("api.sock"): os.unlink("api.sock")
threading.Thread(target=Server("api.sock", Handler).serve_forever, daemon=True).start()
start, number = time.time(), 0
while True:
    passed = time.time() - start
    rate = 9 + 6 * math.sin(passed / 11) + random.uniform(-2, 2)
    number += 1
    client = Connection("local")
    client.request("POST", "/v1/events", os.urandom(int(random.paretovariate(1.6) * 1500) % 200000 + random.randrange(110000) * (number % 3 > 0)), {"X-Request-Id": "r%d" % number, "User-Agent": "shop/2"})
    client.getresponse().read()
    client.close()
    time.sleep(1 / max(1, rate))
