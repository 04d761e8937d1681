# trace: limit=128M seconds=300 kind=calm class=steady split=score needs=memcached
# memcached fills its memory page by page, then evicts.
import os, random, socket, subprocess, time
random.seed(8)
path = os.path.abspath("memcached.sock")
subprocess.Popen(["memcached", "-s", path, "-m", "70", "-u", "root", "-t", "2"])
while not os.path.exists(path):
    time.sleep(0.1)
client = socket.socket(socket.AF_UNIX)
client.connect(path)
while True:
    for _ in range(12):
        size = random.randrange(9000)
        client.sendall(b"set key%d 0 0 %d\r\n%s\r\n" % (random.randrange(10**6), size, b"x" * size))
        client.recv(100)
    time.sleep(0.1)
