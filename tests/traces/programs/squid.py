# trace: limit=128M seconds=900 kind=calm split=tune needs=squid
# Squid as the proxy of an office: cache_mem fills to its bound, and some files are asked for again and again.
import http.client, http.server, os, random, shutil, subprocess, threading, time
random.seed(19)
here, port, back = os.getcwd(), 26415, 26415 + 1
class Origin(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *a): pass
    def do_GET(self):
        body = random.Random(self.path).randbytes(min(500_000, int(2000 + random.Random(self.path).paretovariate(1.0) * 6000)))
        self.send_response(200); self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "max-age=900"); self.end_headers(); self.wfile.write(body)
threading.Thread(target=http.server.ThreadingHTTPServer(("127.0.0.1", back), Origin).serve_forever, daemon=True).start()
shutil.chown(".", "proxy", "proxy")
open("squid.conf", "w").write(f"""
http_port 127.0.0.1:{port}
acl local src 127.0.0.1
http_access allow local
cache_mem 48 MB
maximum_object_size_in_memory 512 KB
pid_filename {here}/squid.pid
cache_log {here}/cache.log
access_log stdio:{here}/access.log
coredump_dir {here}
visible_hostname proxy
shutdown_lifetime 3 seconds
pinger_enable off
netdb_filename none
""")
subprocess.Popen(["setpriv", "--reuid=proxy", "--regid=proxy", "--clear-groups", "squid", "-N", "-f", "squid.conf"])
time.sleep(4)
def visitor(number):
    choose = random.Random(number)
    while True:
        try:
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            for _ in range(choose.randrange(5, 60)):
                time.sleep(choose.expovariate(10))
                path = f"http://127.0.0.1:{back}/{int(choose.paretovariate(0.4)) % 200000}"
                c.request("GET", path); r = c.getresponse(); r.read()
                if r.status != 200: print(path, r.status, flush=True)
            c.close()
        except (OSError, http.client.HTTPException) as e: print(repr(e), flush=True); time.sleep(1)
for n in range(4): threading.Thread(target=visitor, args=(n,), daemon=True).start()
time.sleep(10**6)
