# trace: limit=128M seconds=300 kind=calm split=score needs=tinyproxy
# tinyproxy in an office: many short requests and some slow downloads through it, more by day than by night.
import http.server, os, random, subprocess, threading, time, urllib.request
random.seed(98)
class Site(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        slow = "slow" in self.path
        self.send_response(200)
        self.end_headers()
        try:
            for _ in range(60 if slow else random.randrange(1, 10)):
                self.wfile.write(b"x" * random.randrange(30000))
                if slow: time.sleep(0.3)
        except OSError: pass
    def log_message(self, *_): pass
site = http.server.ThreadingHTTPServer(("127.0.0.1", 23421), Site)
threading.Thread(target=site.serve_forever, daemon=True).start()
open("tinyproxy.conf", "w").write(f'Port 23420\nListen 127.0.0.1\nTimeout 60\nMaxClients 200\nAllow 127.0.0.1\nLogFile "{os.getcwd()}/log"\nPidFile "{os.getcwd()}/pid"\nLogLevel Warning\n')
subprocess.Popen(["tinyproxy", "-d", "-c", "tinyproxy.conf"], stdout=subprocess.DEVNULL)
time.sleep(2)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": "http://127.0.0.1:23420"}))
def get(path):
    try: opener.open("http://127.0.0.1:23421/" + path, timeout=60).read()
    except OSError as error: print(error, flush=True)
while True:
    if threading.active_count() < 80:
        threading.Thread(target=get, args=("slow" if random.random() < 0.2 else "page",)).start()
    time.sleep(random.expovariate(8 if time.time() % 100 < 60 else 1))
