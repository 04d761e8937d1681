# trace: limit=128M seconds=1500 kind=leak class=leak split=score needs=etcd-server
# etcd as under Kubernetes: objects put and deleted, leases, two watches, lists, a compaction each minute, a defragmentation each other.
import base64, http.client, json, random, subprocess, threading, time
PORT = 28701; random.seed(41)
subprocess.Popen(["etcd", "--data-dir", "data", "--listen-client-urls", "http://127.0.0.1:%d" % PORT, "--advertise-client-urls", "http://127.0.0.1:%d" % PORT,
                  "--listen-peer-urls", "http://127.0.0.1:%d" % (PORT + 1), "--initial-advertise-peer-urls", "http://127.0.0.1:%d" % (PORT + 1),
                  "--initial-cluster", "default=http://127.0.0.1:%d" % (PORT + 1), "--snapshot-count", "2000", "--log-level", "error"])
b64 = lambda s: base64.b64encode(s if isinstance(s, bytes) else s.encode()).decode()
def post(c, what, body):
    c.request("POST", "/v3/" + what, json.dumps(body)); answer = c.getresponse(); text = answer.read()
    if answer.status != 200: print(answer.status, text[:200], flush=True)
    return json.loads(text)
def watch(prefix):
    c = http.client.HTTPConnection("127.0.0.1", PORT)
    c.request("POST", "/v3/watch", json.dumps({"create_request": {"key": b64(prefix), "range_end": b64(prefix[:-1] + "0")}}))
    stream = c.getresponse()
    while stream.readline(): pass
while True:
    try: c = http.client.HTTPConnection("127.0.0.1", PORT); post(c, "maintenance/status", {}); break
    except (OSError, ValueError): time.sleep(0.3)
for prefix in "/pods/", "/leases/": threading.Thread(target=watch, args=(prefix,), daemon=True).start()
pods = []; start = time.time(); minute = 0
while True:
    for _ in range(2):
        if len(pods) > 900 or pods and random.random() < 0.2: post(c, "kv/deleterange", {"key": b64("/pods/%s" % pods.pop(random.randrange(len(pods))))})
        elif pods and random.random() < 0.6: post(c, "kv/put", {"key": b64("/pods/%s" % random.choice(pods)), "value": b64(random.randbytes(random.randrange(1500, 6000)))})
        else: pods.append("%x" % random.getrandbits(60)); post(c, "kv/put", {"key": b64("/pods/" + pods[-1]), "value": b64(random.randbytes(random.randrange(1500, 6000)))})
    if random.random() < 0.3: post(c, "kv/put", {"key": b64("/leases/%d" % random.randrange(40)), "value": b64("%f" % time.time())})
    if random.random() < 0.01: answer = post(c, "kv/range", {"key": b64("/pods/"), "range_end": b64("/pods0")})
    if time.time() > start + 60 * (minute + 1):
        minute += 1; revision = int(post(c, "kv/range", {"key": b64("x")})["header"]["revision"])
        post(c, "kv/compaction", {"revision": revision - 200})
        if minute % 2 == 0: post(c, "maintenance/defragment", {})
    time.sleep(0.15)
