# trace: limit=128M seconds=900 kind=calm split=score needs=influxdb
# InfluxDB takes points of 400 hosts each few seconds (its cache is written out at 6 MB, files are compacted), and a dashboard asks.
import http.client, random, subprocess, time, urllib.parse
random.seed(101); PORT = 28780
open("influx.conf", "w").write('reporting-disabled = true\nbind-address = "127.0.0.1:%d"\n[meta]\ndir = "meta"\n[data]\ndir = "data"\nwal-dir = "wal"\ncache-max-memory-size = "48m"\ncache-snapshot-memory-size = "6m"\ncache-snapshot-write-cold-duration = "60s"\nquery-log-enabled = false\n[http]\nbind-address = "127.0.0.1:%d"\nlog-enabled = false\n[logging]\nlevel = "error"\n[monitor]\nstore-interval = "10s"\n' % (PORT + 1, PORT))
subprocess.Popen(["influxd", "-config", "influx.conf"])
def ask(method, path, body=None):
    c = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    try:
        c.request(method, path, body); a = c.getresponse(); text = a.read()
        if a.status >= 300: print(a.status, text[:200], flush=True)
    finally: c.close()
query = lambda q: ask("POST", "/query?" + urllib.parse.urlencode({"db": "db", "q": q}))
while True:
    try: query("create database db"); break
    except OSError: time.sleep(0.3)
step = 0
while True:
    step += 1
    for first in range(0, 400, 100):
        ask("POST", "/write?db=db", "".join("cpu,host=h%d,zone=z%d user=%f,system=%f,idle=%f\nnet,host=h%d rx=%di,tx=%di\n" % (h, h % 7, random.random(), random.random(), random.random() * 99, h, random.getrandbits(40), random.getrandbits(40)) for h in range(first, first + 100)))
        time.sleep(0.5)
    if step % 3 == 0: query("select mean(\"user\") from cpu where time > now() - 2m group by time(10s), zone")
    if step % 20 == 0: query("select max(rx), percentile(tx, 95) from net group by time(30s), host fill(none) limit 10")
