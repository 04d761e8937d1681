# trace: limit=24M seconds=300 kind=calm split=tune needs=knot-resolver
# Knot resolver: its cache is a file in shared mapping (40 MB) that fills.
import os, random, socket, subprocess, threading, time
random.seed(16)
def authority(server):
    while True:
        query, client = server.recvfrom(600)
        end = query.index(b"\0", 12) + 5
        count = 1 + query[1] % 8
        answers = b"".join(b"\xc0\x0c\0\1\0\1\0\1\x51\x80\0\4" + os.urandom(4) for _ in range(count))
        server.sendto(query[:2] + b"\x85\x80\0\1\0" + bytes([count]) + b"\0\0\0\0" + query[12:end] + answers, client)
upstream = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
upstream.bind(("127.0.0.1", 23151))
threading.Thread(target=authority, args=(upstream,), daemon=True).start()
open("kresd.conf", "w").write("""
net.listen("127.0.0.1", 23150)
cache.open(40 * MB, "lmdb://" .. os.getenv("PWD") .. "/cache")
trust_anchors.remove(".")
policy.add(policy.all(policy.STUB("127.0.0.1@23151")))
""")
subprocess.Popen(["kresd", "-n", "-c", "kresd.conf", "."], env=dict(os.environ, PWD=os.getcwd()))
time.sleep(2)
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.connect(("127.0.0.1", 23150))
client.setblocking(False)
while True:
    for _ in range(random.randrange(20, 40)):
        number = int(random.paretovariate(0.08)) % 400000
        name = b"".join(bytes([len(part)]) + part for part in (b"h%d" % (number % 4), b"site%d" % (number // 4), b"com", b""))
        try: client.send(os.urandom(2) + b"\1\0\0\1\0\0\0\0\0\0" + name + b"\0\1\0\1")
        except OSError: pass
    time.sleep(0.1)
    try:
        while client.recv(2000): pass
    except OSError: pass
