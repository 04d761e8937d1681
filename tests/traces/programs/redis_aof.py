# trace: limit=48M seconds=300 kind=calm split=tune needs=redis-server
# Redis as a work queue with an append-only file that is rewritten when it has doubled; a batch of jobs every 35 s, two workers.
import os, random, socket, subprocess, threading, time
path = os.path.abspath("redis.sock")
subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--appendonly", "yes", "--auto-aof-rewrite-min-size", "8mb"], stdout=subprocess.DEVNULL)
while not os.path.exists(path): time.sleep(0.1)
def connection():
    client = socket.socket(socket.AF_UNIX); client.connect(path); answers = client.makefile("rb")
    def answer():
        line = answers.readline()
        if line[:1] == b"-": raise SystemExit(line)
        if line[:1] == b"*": return [answer() for _ in range(int(line[1:]))]
        if line[:1] == b"$": return None if line[1:2] == b"-" else answers.read(int(line[1:]) + 2)[:-2]
    def call(*words):
        client.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)); return answer()
    return call
def worker(seed):
    call = connection(); r = random.Random(seed)
    while True:
        job = call(b"BRPOP", b"jobs", b"0")
        call(b"SETEX", b"result:%x" % r.getrandbits(60), b"120", job[1][:r.randrange(100, 900)])
        call(b"HINCRBY", b"count", b"done", b"1"); time.sleep(r.expovariate(45))
for n in range(2): threading.Thread(target=worker, args=(n,)).start()
call = connection(); r = random.Random(9); n = 0
while True:
    n += 1
    for _ in range(2): call(b"LPUSH", b"jobs", r.randbytes(r.randrange(200, 3000)))
    if n % 175 == 0:
        for _ in range(1800): call(b"LPUSH", b"jobs", r.randbytes(r.randrange(1000, 9000)))
    time.sleep(0.2)
