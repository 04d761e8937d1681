# trace: limit=64M seconds=600 kind=leak class=leak split=tune needs=prometheus
# Prometheus with a target that puts a session's id into a label: the number of series grows and grows.
import http.server, random, subprocess, threading, time
random.seed(32)
sessions = []
class Target(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        for _ in range(random.randrange(60)):
            sessions.append(f"{random.getrandbits(64):016x}")
        del sessions[:-600]
        body = "".join(f'http_requests_total{{session="{s}",path="/api/v1/item",method="GET"}} {i}\nhttp_seconds_sum{{session="{s}"}} {i / 7}\n'
                       for i, s in enumerate(sessions)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 23181), Target)
threading.Thread(target=server.serve_forever, daemon=True).start()
open("prometheus.yml", "w").write("""
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: shop
    static_configs: [{targets: ["127.0.0.1:23181"]}]
""")
subprocess.Popen(["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address=127.0.0.1:23180", "--log.level=error"])
while True:
    time.sleep(60)
