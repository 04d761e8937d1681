# trace: limit=32M seconds=300 kind=calm split=tune needs=nginx-light
# nginx as reverse proxy: buffers, a proxy_cache on disk that reaches max_size, its manager that removes; a reload now and then.
import http.client, http.server, os, random, signal, subprocess, threading, time
random.seed(21)
here, port, back = os.getcwd(), 26419, 26420
os.chmod(".", 0o755)
class Origin(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *a): pass
    def do_GET(self):
        body = random.Random(self.path).randbytes(int(random.Random(self.path + 's').choice([4e3, 2e4, 8e4, 5e5])))
        self.send_response(200); self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "max-age=60"); self.end_headers(); self.wfile.write(body)
threading.Thread(target=http.server.ThreadingHTTPServer(("127.0.0.1", back), Origin).serve_forever, daemon=True).start()
open("nginx.conf", "w").write(f"""daemon off; user www-data; worker_processes 2; pid {here}/nginx.pid; error_log {here}/error.log;
events {{ worker_connections 768; }}
http {{ access_log {here}/access.log; client_body_temp_path {here}/b; fastcgi_temp_path {here}/f; proxy_temp_path {here}/p; uwsgi_temp_path {here}/u; scgi_temp_path {here}/s;
gzip on; proxy_cache_path {here}/cache levels=1:2 keys_zone=web:10m max_size=90m inactive=3m;
server {{ listen 127.0.0.1:{port}; location / {{ proxy_cache web; proxy_pass http://127.0.0.1:{back}; proxy_http_version 1.1; }} }} }}
""")
server = subprocess.Popen(["nginx", "-c", here + "/nginx.conf"])
time.sleep(1)
def visitor(number):
    choose = random.Random(number)
    while True:
        try:
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            for _ in range(choose.randrange(5, 60)):
                time.sleep(choose.expovariate(2))
                path = f"/{int(choose.paretovariate(0.5)) % 20000}"
                c.request("GET", path); r = c.getresponse(); r.read()
                if r.status != 200: print(path, r.status, flush=True)
            c.close()
        except (OSError, http.client.HTTPException) as e: print(repr(e), flush=True); time.sleep(1)
for n in range(6): threading.Thread(target=visitor, args=(n,), daemon=True).start()
while True:
    time.sleep(100)
    server.send_signal(signal.SIGHUP)
