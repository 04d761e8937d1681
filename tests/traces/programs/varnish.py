# trace: limit=256M seconds=900 kind=calm split=score needs=varnish,gcc,libc6-dev
# Varnish before a small site: its malloc storage fills to the bound within some minutes, then evicts.
import http.client, http.server, os, random, subprocess, threading, time
random.seed(17)
here, port, back = os.getcwd(), 26411, 26411 + 1
class Origin(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *a): pass
    def do_GET(self):
        body = random.Random(self.path).randbytes(min(900_000, int(1000 + random.Random(self.path).paretovariate(1.1) * 5000)))
        self.send_response(200); self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "max-age=600"); self.end_headers(); self.wfile.write(body)
threading.Thread(target=http.server.ThreadingHTTPServer(("127.0.0.1", back), Origin).serve_forever, daemon=True).start()
os.mkdir("work")
open("default.vcl", "w").write('vcl 4.1; backend default { .host = "127.0.0.1"; .port = "%d"; }' % back)
subprocess.Popen(["varnishd", "-F", "-j", "none", "-n", here + "/work", "-a", "127.0.0.1:%d" % port, "-f", here + "/default.vcl", "-s", "malloc,64m"])
time.sleep(4)
def visitor(number):
    choose = random.Random(number)
    while True:
        try:
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            for _ in range(choose.randrange(5, 60)):
                time.sleep(choose.expovariate(12))
                path = f"/page/{int(choose.paretovariate(0.35)) % 60000}"
                c.request("GET", path); r = c.getresponse(); r.read()
                if r.status != 200: print(path, r.status, flush=True)
            c.close()
        except (OSError, http.client.HTTPException) as e: print(repr(e), flush=True); time.sleep(1)
for n in range(4): threading.Thread(target=visitor, args=(n,), daemon=True).start()
time.sleep(10**6)
