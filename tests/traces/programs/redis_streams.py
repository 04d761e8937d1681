# trace: limit=48M seconds=300 kind=calm split=score needs=redis-server
# Redis streams with MAXLEN and a consumer group, and beside it a leaderboard that is begun anew each 100 s (UNLINK).
import os, random, socket, subprocess, time
random.seed(23)
path = os.path.abspath("redis.sock")
subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", path, "--save", "3600 1", "--appendonly", "no"], stdout=subprocess.DEVNULL)
client = socket.socket(socket.AF_UNIX)
while client.connect_ex(path): time.sleep(0.1)
answers = client.makefile("rb")
def answer():
    line = answers.readline()
    if line[:1] == b"-": raise SystemExit(line)
    if line[:1] == b"*": return [answer() for _ in range(int(line[1:]))]
    if line[:1] == b"$": return None if line[1:2] == b"-" else answers.read(int(line[1:]) + 2)[:-2]
def call(*words):
    client.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)); return answer()
for s in range(4): call(b"XGROUP", b"CREATE", b"stream:%d" % s, b"group", b"$", b"MKSTREAM")
step = 0
while True:
    step += 1; s = b"stream:%d" % random.randrange(4)
    for _ in range(6): call(b"XADD", s, b"MAXLEN", b"~", b"4000", b"*", b"sensor", b"%d" % random.randrange(500), b"text", b"%0*d" % (random.randrange(30, 1500), step))
    got = call(b"XREADGROUP", b"GROUP", b"group", b"one", b"COUNT", b"10", b"STREAMS", s, b">")
    if got: call(b"XACK", s, b"group", *[e[0] for e in got[0][1]])
    for _ in range(8): call(b"ZADD", b"board:%d" % (step // 1000), b"%d" % random.randrange(10**6), b"player:%d" % random.randrange(60000))
    if step % 1000 == 0: call(b"UNLINK", b"board:%d" % (step // 1000 - 1))
    time.sleep(0.1)
