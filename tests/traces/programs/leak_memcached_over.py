# trace: limit=96M seconds=600 kind=leak class=leak split=score needs=memcached
# memcached with -m 512 in a unit of much less: pages rendered for visitors fill it, all within its own bound.
import os, random, socket, subprocess, time
random.seed(33)
path = os.path.abspath("memcached.sock")
subprocess.Popen(["memcached", "-s", path, "-m", "512", "-u", "root"])
while not os.path.exists(path): time.sleep(0.1)
client = socket.socket(socket.AF_UNIX); client.connect(path); answers = client.makefile("rb")
try:
    while True:
        for _ in range(random.choice((1, 3, 10))):
            name = b"page:%d" % min(10**7, random.paretovariate(0.25) * 50); size = int(random.lognormvariate(9, 0.8))
            client.sendall(b"get %s\r\n" % name); line = answers.readline()
            if not line: raise OSError
            if line.startswith(b"VALUE"): answers.read(int(line.split()[3]) + 2); answers.readline()
            else: client.sendall(b"set %s 0 3600 %d\r\n%s\r\n" % (name, size, b"x" * size)); answers.readline()
        time.sleep(0.1)
except OSError: time.sleep(3600)
