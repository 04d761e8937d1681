# trace: limit=48M seconds=300 kind=calm split=score needs=etcd-server
# etcd that holds settings and elects a leader: few writes, reads from some clients that connect anew each time.
import base64, http.client, json, random, subprocess, time
PORT = 28704; random.seed(42)
subprocess.Popen(["etcd", "--data-dir", "data", "--listen-client-urls", "http://127.0.0.1:%d" % PORT, "--advertise-client-urls", "http://127.0.0.1:%d" % PORT,
                  "--listen-peer-urls", "http://127.0.0.1:%d" % (PORT + 1), "--initial-advertise-peer-urls", "http://127.0.0.1:%d" % (PORT + 1),
                  "--initial-cluster", "default=http://127.0.0.1:%d" % (PORT + 1), "--auto-compaction-mode", "periodic", "--auto-compaction-retention", "1m", "--log-level", "error"])
b64 = lambda s: base64.b64encode(s.encode()).decode()
def post(what, body):
    c = http.client.HTTPConnection("127.0.0.1", PORT, timeout=10)
    try:
        c.request("POST", "/v3/" + what, json.dumps(body)); return json.loads(c.getresponse().read())
    finally: c.close()
while True:
    try: post("maintenance/status", {}); break
    except (OSError, ValueError): time.sleep(0.3)
for n in range(400): post("kv/put", {"key": b64("/settings/%d" % n), "value": b64("v" * random.randrange(20, 900))})
while True:
    lease = post("lease/grant", {"TTL": 10})["ID"]
    post("kv/put", {"key": b64("/leader"), "value": b64("node %d" % random.randrange(3)), "lease": lease})
    for _ in range(12):
        post("kv/range", {"key": b64("/settings/%d" % random.randrange(400))})
        if random.random() < 0.05: post("kv/range", {"key": b64("/settings/"), "range_end": b64("/settings0")})
        time.sleep(random.expovariate(2.5))
