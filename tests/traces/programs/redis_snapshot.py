# trace: limit=96M seconds=300 kind=calm split=tune needs=redis-server
# Redis as a store: it saves a snapshot (a fork, copied page by page while writes go on) at most every 45 s.
import os, random, socket, subprocess, time
random.seed(22)
path = os.path.abspath("redis.sock")
subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", path, "--save", "45 500", "--appendonly", "no"], stdout=subprocess.DEVNULL)
while not os.path.exists(path): time.sleep(0.1)
client = socket.socket(socket.AF_UNIX); client.connect(path); answers = client.makefile("rb")
def call(commands):
    client.sendall(b"".join(b"*%d\r\n" % len(c) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in c) for c in commands))
    for _ in commands:
        line = answers.readline()
        if line[:1] == b"-": raise SystemExit(line)
def user(number): return [b"HSET", b"user:%d" % number, b"name", b"n%d" % number, b"seen", b"%d" % time.time(), b"profile", random.randbytes(300) + b"p" * random.randrange(1500)]
for first in range(0, 30000, 50):
    call([user(n) for n in range(first, first + 50)]); time.sleep(0.05)
while True:
    call([user(min(29999, int(random.paretovariate(0.3) * 40))) for _ in range(random.randrange(1, 12))])
    call([[b"INCR", b"page:%d" % random.randrange(5000)], [b"LPUSH", b"recent", b"%d" % time.time()], [b"LTRIM", b"recent", b"0", b"999"]])
    time.sleep(0.1)
