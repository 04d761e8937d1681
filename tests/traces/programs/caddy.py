# trace: limit=96M seconds=300 kind=calm split=score needs=caddy
# Caddy: a file server with gzip, and a reverse proxy to a small API; its configuration is reloaded now and then.
import http.client, http.server, json, os, random, subprocess, threading, time
random.seed(15)
here, port, back = os.getcwd(), 26405, 26406
os.environ.update(HOME=here, XDG_DATA_HOME=here, XDG_CONFIG_HOME=here)
class Api(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *a): pass
    def do_GET(self):
        body = json.dumps([{"id": i, "path": self.path} for i in range(random.randrange(10, 900))]).encode()
        self.send_response(200); self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
threading.Thread(target=http.server.ThreadingHTTPServer(("127.0.0.1", back), Api).serve_forever, daemon=True).start()
os.mkdir("site")
for i in range(150): open(f"site/{i}.js", "wb").write(b"".join(b"var v%d = %d;\n" % (k, random.randrange(10**6)) for k in range(random.randrange(100, 9000))))
for i in range(60): open(f"site/{i}.png", "wb").write(random.randbytes(random.randrange(50_000, 1_500_000)))
open("Caddyfile", "w").write(f"""{{
  admin unix/{here}/admin.sock
  auto_https off
  log {{
    output file {here}/caddy.log
  }}
}}
http://127.0.0.1:{port} {{
  bind 127.0.0.1
  encode gzip
  log {{
    output file {here}/access.log
  }}
  handle /api/* {{
    reverse_proxy 127.0.0.1:{back}
  }}
  handle {{
    root * {here}/site
    file_server
  }}
}}
""")
subprocess.Popen(["caddy", "run", "--config", "Caddyfile"], stderr=subprocess.DEVNULL)
time.sleep(3)
busy = 4
def visitor(number):
    choose = random.Random(number)
    while True:
        time.sleep(choose.expovariate(0.3))
        if number >= busy: continue
        try:
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            for _ in range(choose.randrange(1, 9)):
                path = choose.choice([f"/api/{choose.randrange(10**5)}", f"/{choose.randrange(150)}.js", f"/{choose.randrange(60)}.png"])
                c.request("GET", path, headers={"Accept-Encoding": "gzip"}); r = c.getresponse(); r.read()
                if r.status != 200: print(path, r.status, flush=True)
                time.sleep(choose.random() / 2)
            c.close()
        except (OSError, http.client.HTTPException) as e: print(repr(e), flush=True)
for n in range(16): threading.Thread(target=visitor, args=(n,), daemon=True).start()
for minute in range(10**6):
    busy = [4, 10, 16, 8][minute % 4]
    time.sleep(40)
    if minute % 3 == 2: subprocess.run(["caddy", "reload", "--force", "--config", "Caddyfile", "--address", f"unix/{here}/admin.sock"], stderr=subprocess.DEVNULL)
