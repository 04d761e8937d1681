# trace: limit=48M seconds=600 kind=leak class=leak split=score needs=beanstalkd
# beanstalkd with a tube whose worker was renamed: its jobs are put and nobody takes them; another tube is well.
import os, random, socket, subprocess, time
path = os.path.abspath("sock"); random.seed(52)
subprocess.Popen(["beanstalkd", "-l", "unix:" + path])
while not os.path.exists(path): time.sleep(0.1)
c = socket.socket(socket.AF_UNIX); c.connect(path); f = c.makefile("rb")
def call(line, body=None):
    c.sendall(line + b"\r\n" + (body + b"\r\n" if body is not None else b"")); return f.readline().split()
def put(tube, size):
    call(b"use " + tube); call(b"put 100 0 60 %d" % size, random.randbytes(size))
call(b"watch good")
try:
    while True:
        for _ in range(random.randrange(6)): put(b"old-name", random.randrange(500, 15000))
        for _ in range(3):
            put(b"good", random.randrange(500, 15000)); answer = call(b"reserve"); f.read(int(answer[2]) + 2); call(b"delete " + answer[1])
        time.sleep(random.expovariate(8))
except (OSError, IndexError): time.sleep(3600)
