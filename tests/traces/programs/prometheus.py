# trace: limit=192M seconds=300 kind=calm split=score needs=prometheus
# Prometheus scrapes eight targets each second, blocks of one minute (production: two hours) are compacted; a dashboard asks.
import http.server, os, random, subprocess, threading, time, urllib.parse, urllib.request
random.seed(31)
class Target(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        now = time.time()
        body = "".join(f'node_cpu_seconds_total{{cpu="{c}",mode="{m}"}} {now * (c + 1) / 9 + random.random():.3f}\n'
                       for c in range(8) for m in ("user", "system", "idle", "iowait", "irq", "softirq", "steal", "nice"))
        body += "".join(f'app_requests_total{{path="/p{p}",code="{c}"}} {int(now * (p + 1) % 1e7)}\n' for p in range(40) for c in (200, 404, 500))
        body += "".join(f'app_bytes{{pool="{p}"}} {random.random() * 1e9:.0f}\n' for p in range(100))
        body = body.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 23171), Target)
threading.Thread(target=server.serve_forever, daemon=True).start()
jobs = "".join(f"""
  - job_name: node{n}
    static_configs: [{{targets: ["127.0.0.1:23171"]}}]""" for n in range(8))
open("prometheus.yml", "w").write("global: {scrape_interval: 1s, evaluation_interval: 5s}\nrule_files: [rules.yml]\nscrape_configs:" + jobs + "\n")
open("rules.yml", "w").write("""groups:
- name: all
  rules:
  - {record: "job:requests:rate", expr: "sum by (job, code) (rate(app_requests_total[30s]))"}
  - {alert: Busy, expr: "avg by (job) (rate(node_cpu_seconds_total[20s])) > 5", for: 10s}
""")
subprocess.Popen(["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address=127.0.0.1:23170",
                  "--storage.tsdb.min-block-duration=1m", "--storage.tsdb.max-block-duration=4m", "--log.level=error"])
while True:
    time.sleep(8 if time.time() % 100 < 60 else 3)
    for query in ("sum by (job) (rate(app_requests_total[30s]))", "topk(5, app_bytes)", "avg by (mode) (rate(node_cpu_seconds_total[20s]))"):
        now = time.time()
        try:
            urllib.request.urlopen("http://127.0.0.1:23170/api/v1/query_range?" + urllib.parse.urlencode(
                {"query": query, "start": now - 240, "end": now, "step": 2})).read()
        except OSError as error: print(error)
