# trace: limit=64M seconds=300 kind=calm split=tune needs=memcached
# memcached for rate limits and small objects: hundreds of connections that come and go, counters, appends, 24 MB of cache.
import math, os, random, socket, subprocess, time
random.seed(34); path = os.path.abspath("memcached.sock")
subprocess.Popen(["memcached", "-s", path, "-m", "24", "-u", "root", "-c", "600", "-t", "4"])
while not os.path.exists(path): time.sleep(0.1)
clients = []; start = time.time()
while True:
    want = int(200 + 180 * math.sin((time.time() - start) / 75 * 2 * math.pi))
    for _ in range(4):
        if len(clients) < want: c = socket.socket(socket.AF_UNIX); c.connect(path); clients.append((c, c.makefile("rb")))
        elif len(clients) > want: c, f = clients.pop(random.randrange(len(clients))); c.close(); f.close()
    for _ in range(10):
        if not clients: break
        c, f = random.choice(clients); name = b"limit:%d" % random.randrange(60000)
        c.sendall(b"incr %s 1\r\n" % name)
        if f.readline().startswith(b"NOT"): c.sendall(b"add %s 0 30 1\r\n1\r\n" % name); f.readline()
        name = b"user:%d" % random.randrange(40000); c.sendall(b"get %s\r\n" % name); line = f.readline()
        if line.startswith(b"VALUE"): f.read(int(line.split()[3]) + 2); f.readline()
        else:
            size = random.randrange(100, 2500); c.sendall(b"set %s 0 200 %d\r\n%s\r\n" % (name, size, b"u" * size)); f.readline()
    time.sleep(0.1)
