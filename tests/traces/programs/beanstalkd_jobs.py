# trace: limit=32M seconds=300 kind=calm split=tune needs=beanstalkd
# beanstalkd with a write-ahead log: steady jobs in three tubes, workers that take them, a newsletter of 3000 jobs each 60 s.
import os, random, socket, subprocess, threading, time
path = os.path.abspath("sock"); os.mkdir("log")
subprocess.Popen(["beanstalkd", "-l", "unix:" + path, "-b", "log"])
while not os.path.exists(path): time.sleep(0.1)
def connect():
    c = socket.socket(socket.AF_UNIX); c.connect(path); f = c.makefile("rb")
    def call(line, body=None):
        c.sendall(line + b"\r\n" + (body + b"\r\n" if body is not None else b"")); return f.readline().split()
    return call, f
def worker(seed, tube):
    r = random.Random(seed); call, f = connect(); call(b"watch " + tube)
    while True:
        answer = call(b"reserve"); f.read(int(answer[2]) + 2)
        time.sleep(r.expovariate(60))
        if r.random() < 0.03: call(b"release %s 100 5" % answer[1])
        else: call(b"delete " + answer[1])
tubes = b"mail", b"image", b"index"
for n in range(6): threading.Thread(target=worker, args=(n, tubes[n % 3])).start()
call, f = connect(); r = random.Random(51); step = 0
while True:
    step += 1; tube = r.choice(tubes); call(b"use " + tube)
    for _ in range(r.randrange(6)):
        body = r.randbytes(r.randrange(200, 9000)); call(b"put 100 %d 60 %d" % (r.choice((0, 0, 10)), len(body)), body)
    if step % 300 == 0:
        call(b"use mail")
        for _ in range(3000):
            body = r.randbytes(r.randrange(1000, 6000)); call(b"put 200 0 60 %d" % len(body), body)
    time.sleep(0.2)
