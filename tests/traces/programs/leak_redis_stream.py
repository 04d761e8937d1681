# trace: limit=48M seconds=600 kind=leak class=leak split=score needs=redis-server
# Redis streams without MAXLEN: a consumer group reads and acknowledges, but nothing is ever trimmed.
import os, random, socket, subprocess, time
random.seed(26); path = os.path.abspath("redis.sock")
subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--appendonly", "no"], stdout=subprocess.DEVNULL)
while not os.path.exists(path): time.sleep(0.1)
client = socket.socket(socket.AF_UNIX); client.connect(path); answers = client.makefile("rb")
def answer():
    line = answers.readline()
    if not line: raise OSError
    if line[:1] == b"*": return [answer() for _ in range(int(line[1:]))]
    if line[:1] == b"$": return None if line[1:2] == b"-" else answers.read(int(line[1:]) + 2)[:-2]
def call(*words):
    client.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)); return answer()
call(b"XGROUP", b"CREATE", b"clicks", b"group", b"$", b"MKSTREAM")
try:
    while True:
        for _ in range(random.choice((2, 4, 6, 40) if random.random() < 0.2 else (3, 8))): call(b"XADD", b"clicks", b"*", b"user", b"%d" % random.randrange(10**6), b"url", b"u" * random.randrange(50, 4000))
        got = call(b"XREADGROUP", b"GROUP", b"group", b"one", b"COUNT", b"100", b"STREAMS", b"clicks", b">")
        if got: call(b"XACK", b"clicks", b"group", *[e[0] for e in got[0][1]])
        time.sleep(0.12)
except OSError: time.sleep(3600)
