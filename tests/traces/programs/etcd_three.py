# trace: limit=192M seconds=300 kind=calm split=score needs=etcd-server
# Three members of etcd in one unit; one after another is restarted each 50 s and catches up; steady puts and reads.
import base64, http.client, json, random, subprocess, threading, time
random.seed(43); port = lambda n: 28800 + 2 * n
cluster = ",".join("m%d=http://127.0.0.1:%d" % (n, port(n) + 1) for n in range(3))
def member(n, state): return subprocess.Popen(["etcd", "--name", "m%d" % n, "--data-dir", "m%d" % n, "--listen-client-urls", "http://127.0.0.1:%d" % port(n), "--advertise-client-urls", "http://127.0.0.1:%d" % port(n),
    "--listen-peer-urls", "http://127.0.0.1:%d" % (port(n) + 1), "--initial-advertise-peer-urls", "http://127.0.0.1:%d" % (port(n) + 1), "--initial-cluster", cluster, "--initial-cluster-state", state,
    "--snapshot-count", "1000", "--auto-compaction-mode", "revision", "--auto-compaction-retention", "500", "--log-level", "error"])
members = [member(n, "new") for n in range(3)]
def restarts():
    n = 0
    while True: time.sleep(50); members[n].terminate(); members[n].wait(); time.sleep(5); members[n] = member(n, "existing"); n = (n + 1) % 3
threading.Thread(target=restarts).start()
b64 = lambda s: base64.b64encode(s).decode()
def post(what, body):
    c = http.client.HTTPConnection("127.0.0.1", port(random.randrange(3)), timeout=5)
    try: c.request("POST", "/v3/" + what, json.dumps(body)); return json.loads(c.getresponse().read())
    except (OSError, ValueError, http.client.HTTPException): return None
    finally: c.close()
while True:
    post("kv/put", {"key": b64(b"/k/%d" % random.randrange(2000)), "value": b64(random.randbytes(random.randrange(100, 4000)))})
    for _ in range(3): post("kv/range", {"key": b64(b"/k/%d" % random.randrange(2000))})
    time.sleep(random.expovariate(6))
