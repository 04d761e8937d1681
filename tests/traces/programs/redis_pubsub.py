# trace: limit=48M seconds=300 kind=calm split=score needs=redis-server
# Redis as a message hub: 60 subscribers, of which some read slowly (their output buffers grow up to the bound) and come anew.
import os, random, socket, subprocess, threading, time
path = os.path.abspath("redis.sock")
subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--client-output-buffer-limit", "pubsub", "8mb", "2mb", "20"], stdout=subprocess.DEVNULL)
while not os.path.exists(path): time.sleep(0.1)
def subscriber(seed):
    r = random.Random(seed); buffer = memoryview(bytearray(60000))
    while True:
        c = socket.socket(socket.AF_UNIX); c.connect(path); slow = seed % 12 == 0
        c.sendall(b"PSUBSCRIBE room:*\r\n" if slow else b"SUBSCRIBE room:%d\r\n" % r.randrange(10)); end = time.time() + r.uniform(15, 90)
        while time.time() < end:
            try: got = c.recv_into(buffer[:4000] if slow else buffer)
            except OSError: break
            if not got: break
            if slow: time.sleep(0.3)
        c.close(); time.sleep(r.random() * 4)
for n in range(60): threading.Thread(target=subscriber, args=(n,)).start()
c = socket.socket(socket.AF_UNIX); c.connect(path); f = c.makefile("rb"); r = random.Random(25)
while True:
    for _ in range(r.choice((1, 2, 3, 12))):
        text = r.randbytes(r.randrange(40, 4000)); room = b"room:%d" % r.randrange(10)
        c.sendall(b"*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n" % (len(room), room, len(text), text)); f.readline()
    time.sleep(0.15)
