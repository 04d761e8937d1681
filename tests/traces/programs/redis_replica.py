# trace: limit=128M seconds=300 kind=calm split=score needs=redis-server
# Redis with a replica beside it: the replica is stopped each 80 s for a while and then takes the whole data anew (a fork, a transfer).
import os, random, socket, subprocess, threading, time
random.seed(27)
def serve(name, port, *more):
    os.makedirs(name, exist_ok=True)
    return subprocess.Popen(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", os.path.abspath(name), "--save", "", "--appendonly", "no", "--repl-backlog-size", "1mb", "--repl-diskless-sync", "yes", *more], stdout=subprocess.DEVNULL)
serve("one", 28770)
def replicas():
    while True:
        time.sleep(8); two = serve("two", 28771, "--replicaof", "127.0.0.1", "28770"); time.sleep(72); two.terminate(); two.wait()
threading.Thread(target=replicas).start()
while True:
    try: c = socket.create_connection(("127.0.0.1", 28770)); break
    except OSError: time.sleep(0.1)
f = c.makefile("rb")
while True:
    for _ in range(10):
        words = b"SET", b"cart:%d" % random.randrange(12000), random.randbytes(random.randrange(100, 3500)), b"EX", b"600"
        c.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)); f.readline()
    time.sleep(0.08)
