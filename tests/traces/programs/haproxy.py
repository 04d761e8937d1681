# trace: limit=48M seconds=300 kind=calm split=score needs=haproxy
# HAProxy (master and worker) before two backends: hundreds of kept connections come and go, a reload each 80 s.
import http.server, os, random, select, signal, socket, subprocess, threading, time
random.seed(16)
here, port, back = os.getcwd(), 26407, 26408
class App(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *a): pass
    def do_GET(self):
        body = b"y" * (20 if self.path == "/health" else random.randrange(500, 60_000))
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
http.server.ThreadingHTTPServer.handle_error = lambda *a: None
for i in range(2): threading.Thread(target=http.server.ThreadingHTTPServer(("127.0.0.1", back + i), App).serve_forever, daemon=True).start()
open("haproxy.cfg", "w").write(f"""
global
  maxconn 2000
  nbthread 2
  hard-stop-after 40s
  stats socket {here}/admin.sock mode 660 level admin
defaults
  mode http
  timeout connect 5s
  timeout client 50s
  timeout server 50s
  timeout http-keep-alive 60s
frontend web
  bind 127.0.0.1:{port}
  stick-table type string len 32 size 50k expire 2m store http_req_rate(10s)
  http-request track-sc0 hdr(X-User)
  compression algo gzip
  compression type text/html
  default_backend app
backend app
  balance leastconn
  option httpchk GET /health
  server one 127.0.0.1:{back} check
  server two 127.0.0.1:{back + 1} check
""")
server = subprocess.Popen(["haproxy", "-W", "-f", "haproxy.cfg"], stderr=subprocess.DEVNULL)
time.sleep(2)
kept, ends, start, reload, answers = [], {}, time.time(), time.time() + 80, 0
while True:
    now = time.time()
    want = [60, 300, 500, 150, 30][int((now - start) / 25) % 5]
    for _ in range(12):
        if len(kept) >= want: break
        try: s = socket.create_connection(("127.0.0.1", port), 5)
        except OSError as e: print(e, flush=True); break
        kept.append(s); ends[s] = now + random.uniform(4, 45)
    for s in random.sample(kept, min(3, len(kept))):
        try:
            s.settimeout(5)
            s.sendall(b"GET /%d HTTP/1.1\r\nHost: x\r\nX-User: u%d\r\n\r\n" % (random.randrange(99), random.randrange(20000)))
            data = s.recv(65536)
            while data and select.select([s], [], [], 0.01)[0]: data = s.recv(65536); answers += 1
            if not data: ends[s] = 0
        except OSError: ends[s] = 0
    for s in [s for s in kept if ends[s] < now]: kept.remove(s); del ends[s]; s.close()
    if now > reload: server.send_signal(signal.SIGUSR2); reload += 80; print("answers", answers, flush=True)
    time.sleep(0.1)
