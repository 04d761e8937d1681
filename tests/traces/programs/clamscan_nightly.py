# trace: limit=256M seconds=300 kind=calm split=tune needs=clamav
# A small upload service; by the clock clamscan (its own signatures, loaded each time) scans what is new.
import http.server, os, random, subprocess, threading, time, urllib.request
random.seed(53)
os.mkdir("db"); os.mkdir("files")
with open("db/main.ndb", "w") as file:
    for number in range(50000):
        file.write(f"Test.Mal-{number}:0:*:{random.getrandbits(160):040x}{{-20}}{random.getrandbits(64):016x}\n")
class Upload(http.server.BaseHTTPRequestHandler):
    def do_PUT(self):
        open("files/" + os.path.basename(self.path), "wb").write(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(201); self.send_header("Content-Length", "0"); self.end_headers()
    def log_message(self, *_): pass
site = http.server.ThreadingHTTPServer(("127.0.0.1", 23440), Upload)
threading.Thread(target=site.serve_forever, daemon=True).start()
last = time.time()
while True:
    urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:23440/f{random.randrange(40)}", os.urandom(random.randrange(1000000)), method="PUT")).read()
    time.sleep(random.expovariate(1))
    if time.time() > last + 50:
        last = time.time()
        subprocess.run(["clamscan", "-r", "--quiet", "-d", "db", "--tempdir=.", "files"])
