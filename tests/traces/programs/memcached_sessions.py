# trace: limit=128M seconds=300 kind=calm split=score needs=memcached
# memcached as Debian has it (-m 64): sessions and page fragments of mixed sizes with times to live; ten clients, now and then a flush.
import os, random, socket, subprocess, time
random.seed(31)
path = os.path.abspath("memcached.sock")
subprocess.Popen(["memcached", "-s", path, "-m", "64", "-u", "root"])
while not os.path.exists(path): time.sleep(0.1)
def connect():
    c = socket.socket(socket.AF_UNIX); c.connect(path); return c, c.makefile("rb")
clients = [connect() for _ in range(10)]; step = 0
while True:
    step += 1; n = random.randrange(10)
    if random.random() < 0.01: clients[n][0].close(); clients[n][1].close(); clients[n] = connect()
    client, answers = clients[n]
    for _ in range(random.choice((2, 4, 12))):
        kind = random.random()
        name, size, live = ((b"session:%d" % random.randrange(20000), int(random.lognormvariate(6.5, 0.6)), 60) if kind < 0.6 else
                            (b"fragment:%d" % random.randrange(3000), int(random.lognormvariate(8.7, 0.8)), 150) if kind < 0.97 else
                            (b"image:%d" % random.randrange(200), random.randrange(30000, 300000), 0))
        client.sendall(b"get %s\r\n" % name); line = answers.readline()
        if line.startswith(b"VALUE"): answers.read(int(line.split()[3]) + 2); answers.readline()
        else:
            client.sendall(b"set %s 0 %d %d\r\n%s\r\n" % (name, live, size, b"x" * size)); answers.readline()
    if step % 1700 == 0: client.sendall(b"flush_all\r\n"); answers.readline()
    time.sleep(0.08)
