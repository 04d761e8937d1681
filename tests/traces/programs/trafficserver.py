# trace: limit=96M seconds=300 kind=calm split=tune needs=trafficserver
# Apache Traffic Server before an origin: its RAM cache fills to 48 MiB, its disk cache to 128 MiB, then both turn over.
import http.client, http.server, os, random, shutil, subprocess, threading, time
random.seed(38)
here, port, back = os.getcwd(), 26441, 26442
class Origin(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *a): pass
    def do_GET(self):
        body = random.Random(self.path).randbytes(min(600_000, int(2000 + random.Random(self.path).paretovariate(1.0) * 6000)))
        self.send_response(200); self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "max-age=900"); self.end_headers(); self.wfile.write(body)
threading.Thread(target=http.server.ThreadingHTTPServer(("127.0.0.1", back), Origin).serve_forever, daemon=True).start()
shutil.copytree("/etc/trafficserver", "etc")
for d in ("run", "log", "cache"): os.mkdir(d)
open("runroot.yaml", "w").write(f"""prefix: {here}
exec_prefix: {here}
bindir: /usr/bin
sbindir: /usr/sbin
sysconfdir: {here}/etc
datadir: {here}/cache
includedir: /usr/include
libdir: /usr/lib/trafficserver
libexecdir: /usr/lib/trafficserver/modules
localstatedir: {here}
runtimedir: {here}/run
logdir: {here}/log
cachedir: {here}/cache
""")
open("etc/records.config", "a").write(f"""
CONFIG proxy.config.http.server_ports STRING {port}:ip-in=127.0.0.1
CONFIG proxy.config.admin.user_id STRING trafficserver
CONFIG proxy.config.cache.ram_cache.size INT 48M
CONFIG proxy.config.http.cache.required_headers INT 0
""")
open("etc/storage.config", "w").write(f"{here}/cache 128M\n")
open("etc/remap.config", "w").write(f"map / http://127.0.0.1:{back}/\n")
subprocess.run(["chown", "-R", "trafficserver:trafficserver", "."])
subprocess.Popen(["traffic_server"], env={"PATH": "/usr/bin:/usr/sbin:/bin", "TS_RUNROOT": here + "/runroot.yaml"}, stdout=open("out", "w"), stderr=subprocess.STDOUT)
time.sleep(6)
def visitor(number):
    choose = random.Random(number)
    while True:
        try:
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            for _ in range(choose.randrange(5, 60)):
                time.sleep(choose.expovariate(12))
                path = f"/{int(choose.paretovariate(0.4)) % 100000}"
                c.request("GET", path); r = c.getresponse(); r.read()
                if r.status != 200: print(path, r.status, flush=True)
            c.close()
        except (OSError, http.client.HTTPException) as e: print(repr(e), flush=True); time.sleep(1)
for n in range(4): threading.Thread(target=visitor, args=(n,), daemon=True).start()
time.sleep(10**6)
