# trace: limit=48M seconds=600 kind=leak class=leak split=score needs=redis-server
# Redis whose bound of output buffers was taken away (pubsub 0 0 0), and a subscriber that hangs.
import os, random, socket, subprocess, time
random.seed(28); path = os.path.abspath("redis.sock")
subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--client-output-buffer-limit", "pubsub", "0", "0", "0"], stdout=subprocess.DEVNULL)
def connect():
    c = socket.socket(socket.AF_UNIX)
    while c.connect_ex(path): time.sleep(0.1)
    return c
good = connect(); good.sendall(b"SUBSCRIBE news\r\n"); hung = connect(); hung.sendall(b"SUBSCRIBE news\r\n"); c = connect(); f = c.makefile("rb"); start = time.time()
try:
    while True:
        for _ in range(random.randrange(10)):
            text = random.randbytes(random.randrange(100, 6000)); c.sendall(b"*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n$%d\r\n%s\r\n" % (len(text), text))
            if not f.readline(): raise OSError
        for s in (good, hung) if time.time() < start + 30 else (good,):
            try:
                while s.recv(1 << 16, socket.MSG_DONTWAIT): pass
            except BlockingIOError: pass
        time.sleep(0.1)
except OSError: time.sleep(3600)
