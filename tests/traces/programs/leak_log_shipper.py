# trace: limit=64M seconds=300 kind=leak class=leak split=tune
# A log shipper whose sink is down from the 25th second on: it tries again with growing pauses and keeps what it has read.
import collections, json, os, random, socket, threading, time
random.seed(4105)
LEVELS = ["INFO"] * 8 + ["WARN", "ERROR"]
def sink():
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("sink.sock"); listener.listen(8)
    listener.settimeout(1)
    began = time.time()
    while time.time() - began < 25:
        try: peer = listener.accept()[0]
        except TimeoutError: continue
        while peer.recv(65536): pass
        peer.close()
    listener.close(); os.unlink("sink.sock")
def application():
    out, count = open("app.log", "w", buffering=1), 0
    while True:
        busy = random.random() < 0.15
        for _ in range(random.randrange(60, 160) if busy else random.randrange(10, 55)):
            count += 1
            out.write("%.3f %s worker-%d request=%032x path=/api/v%d/things/%d took=%dms %s\n" % (time.time(), random.choice(LEVELS), count % 8, random.getrandbits(128), count % 3, random.randrange(10**6), random.randrange(900), "." * random.randrange(200)))
        if out.tell() > 4 << 20: out.seek(0); out.truncate()
        time.sleep(0.15)
if os.path.exists("sink.sock"): os.unlink("sink.sock")
threading.Thread(target=sink, daemon=True).start()
threading.Thread(target=application, daemon=True).start()
time.sleep(0.5)
pending, log, wait, again = collections.deque(), open("app.log"), 1, 0
while True:
    if os.path.getsize("app.log") < log.tell(): log.seek(0)
    for line in log.readlines():
        words = line.split()
        if len(words) > 5: pending.append({"@timestamp": words[0], "level": words[1], "host": "web-1", "worker": words[2], "message": line, "fields": dict(w.split("=", 1) for w in words[3:6] if "=" in w)})
    if time.time() >= again and pending:
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.connect("sink.sock")
                for event in pending: s.sendall(json.dumps(event).encode())
            pending.clear(); wait = 1
        except OSError:
            wait = min(30, wait * 2)
        again = time.time() + wait
    time.sleep(0.25)
