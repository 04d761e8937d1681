# trace: limit=128M seconds=300 kind=calm class=steady split=score needs=redis-server
# Redis as a cache: it fills to maxmemory, then forgets what was used least.
import os, random, socket, subprocess, time
random.seed(6)
path = os.path.abspath("redis.sock")
subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--appendonly", "no",
                  "--maxmemory", "60mb", "--maxmemory-policy", "allkeys-lru"], stdout=subprocess.DEVNULL)
while not os.path.exists(path):
    time.sleep(0.1)
client = socket.socket(socket.AF_UNIX)
client.connect(path)
while True:
    for _ in range(30):
        client.sendall(b"SET key:%d %s\r\n" % (random.randrange(10**6), b"x" * random.randrange(4000)))
        client.recv(100)
    time.sleep(0.1)
