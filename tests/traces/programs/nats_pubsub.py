# trace: limit=48M seconds=300 kind=calm split=score needs=nats-server
# NATS: 40 subscribers come and go, steady messages with bursts, one subscriber that is slow and is thrown out now and then.
import random, socket, subprocess, threading, time
PORT = 28740
subprocess.Popen(["nats-server", "-a", "127.0.0.1", "-p", str(PORT)], stderr=subprocess.DEVNULL)
def connect():
    while True:
        try: s = socket.create_connection(("127.0.0.1", PORT)); break
        except OSError: time.sleep(0.2)
    f = s.makefile("rb"); f.readline(); s.sendall(b'CONNECT {"verbose":false}\r\nPING\r\n'); f.readline(); return s, f
def subscriber(seed, slow=False):
    r = random.Random(seed)
    while True:
        try:
            s, f = connect(); end = time.time() + r.expovariate(1 / 25)
            s.sendall(b"SUB %s 1\r\n" % (b"chat.>" if slow else b"chat.%d" % r.randrange(12)))
            while slow or time.time() < end:
                line = f.readline()
                if line[:3] == b"MSG": f.read(int(line.split()[3]) + 2); slow and time.sleep(0.04)
                elif line[:4] == b"PING": s.sendall(b"PONG\r\n")
                elif not line: break
            s.close()
        except OSError: pass
        time.sleep(r.random() * 3)
for n in range(40): threading.Thread(target=subscriber, args=(n, n == 0)).start()
s, f = connect(); threading.Thread(target=lambda: [s.sendall(b"PONG\r\n") for line in f if line[:4] == b"PING"]).start(); r = random.Random(61); step = 0
while True:
    step += 1
    for _ in range(r.randrange(7) if step % 200 else 1500):
        size = r.randrange(50, 6000); s.sendall(b"PUB chat.%d %d\r\n%s\r\n" % (r.randrange(12), size, b"m" * size))
    time.sleep(0.2)
