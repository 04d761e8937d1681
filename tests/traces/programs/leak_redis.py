# trace: limit=128M seconds=420 kind=leak class=leak split=score needs=redis-server
# Redis without maxmemory, and a client that sets keys without a time to live.
import os, socket, subprocess, time
path = os.path.abspath("redis.sock")
subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--appendonly", "no"],
                 stdout=subprocess.DEVNULL)
while not os.path.exists(path):
    time.sleep(0.1)
client = socket.socket(socket.AF_UNIX)
client.connect(path)
number = 0
while True:
    for _ in range(20):
        number += 1
        client.sendall(b"SET key:%d %s\r\n" % (number, b"x" * (1000 + number % 2000)))
        client.recv(100)
    time.sleep(0.1)
