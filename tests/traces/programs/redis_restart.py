# trace: limit=96M seconds=900 kind=calm split=tune needs=redis-server
# Redis with a store of 30 MB that is restarted each 85 s: it saves, goes, loads its file, and serves on.
import os, random, socket, subprocess, time
random.seed(24); path = os.path.abspath("redis.sock")
def serve():
    server = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", path, "--save", "900 1", "--appendonly", "no"], stdout=subprocess.DEVNULL)
    while True:
        try:
            c = socket.socket(socket.AF_UNIX); c.connect(path); f = c.makefile("rb"); c.sendall(b"PING\r\n")
            if f.readline() == b"+PONG\r\n": return server, c, f
        except OSError: pass
        time.sleep(0.1)
while True:
    server, c, f = serve(); end = time.time() + 85
    while time.time() < end:
        for _ in range(8):
            name = b"item:%d" % random.randrange(14000)
            if random.random() < 0.6: words = b"SET", name, random.randbytes(random.randrange(200, 5000))
            else: words = b"GET", name
            c.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
            line = f.readline()
            if line[:1] == b"$" and line[1:2] != b"-": f.read(int(line[1:]) + 2)
        time.sleep(0.05)
    c.sendall(b"SHUTDOWN SAVE\r\n"); server.wait(); c.close()
