# trace: limit=48M seconds=300 kind=calm split=score needs=redis-server
# Redis keeps sessions with a time to live; the traffic has day and night (two minutes a day).
import math, os, random, socket, subprocess, time
random.seed(21)
path = os.path.abspath("redis.sock")
subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--appendonly", "no"], stdout=subprocess.DEVNULL)
while not os.path.exists(path): time.sleep(0.1)
client = socket.socket(socket.AF_UNIX); client.connect(path); answers = client.makefile("rb")
def call(*words):
    client.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
    line = answers.readline()
    if line[:1] == b"-": raise SystemExit(line)
    if line[:1] == b"$" and line[1:2] != b"-": return answers.read(int(line[1:]) + 2)[:-2]
start = time.time(); live = []
while True:
    day = 0.5 - 0.5 * math.cos((time.time() - start) / 120 * 2 * math.pi)
    for _ in range(int(1 + 9 * day)):
        if random.random() < 0.55 or not live:
            name = b"session:%032x" % random.getrandbits(128); live.append(name)
            call(b"SET", name, b"s" * int(random.lognormvariate(8.3, 0.7)), b"EX", b"45")
            if len(live) > 3000: del live[:1000]
        else:
            name = random.choice(live); session = call(b"GET", name)
            if session is not None: call(b"SET", name, session + b"+" * random.randrange(60), b"EX", b"45")
    time.sleep(0.1)
