# trace: limit=128M seconds=600 kind=leak class=leak split=tune needs=influxdb
# InfluxDB with the index in memory and a tag that is a request's number: each point is a new series.
import http.client, random, subprocess, time, urllib.parse
random.seed(102); PORT = 28782
open("influx.conf", "w").write('reporting-disabled = true\nbind-address = "127.0.0.1:%d"\n[meta]\ndir = "meta"\n[data]\ndir = "data"\nwal-dir = "wal"\nindex-version = "inmem"\nmax-series-per-database = 0\nmax-values-per-tag = 0\ncache-snapshot-memory-size = "8m"\n[http]\nbind-address = "127.0.0.1:%d"\nlog-enabled = false\n[logging]\nlevel = "error"\n[monitor]\nstore-enabled = false\n' % (PORT + 1, PORT))
subprocess.Popen(["influxd", "-config", "influx.conf"])
def ask(method, path, body=None):
    c = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    try:
        c.request(method, path, body); a = c.getresponse(); text = a.read()
        if a.status >= 300: print(a.status, text[:200], flush=True)
    finally: c.close()
while True:
    try: ask("POST", "/query?" + urllib.parse.urlencode({"q": "create database db"})); break
    except OSError: time.sleep(0.3)
try:
    while True:
        ask("POST", "/write?db=db", "".join("request,app=a%d,id=%032x took=%f\n" % (random.randrange(5), random.getrandbits(128), random.random()) for _ in range(random.randrange(160))))
        time.sleep(0.25)
except (OSError, http.client.HTTPException): time.sleep(3600)
