# trace: limit=96M seconds=600 kind=leak class=leak split=score needs=nats-server
# NATS JetStream: a work queue in memory without a bound (the server may take 1 GB); its consumers fell away.
PORT, MEMORY = 28744, "1GB"
import json, os, random, socket, subprocess, time
open("nats.conf", "w").write('listen: "127.0.0.1:%d"\njetstream { store_dir: "%s/js", max_memory_store: %s, max_file_store: 2GB }\n' % (PORT, os.getcwd(), MEMORY))
subprocess.Popen(["nats-server", "-c", "nats.conf"], stderr=subprocess.DEVNULL)
while True:
    try: s = socket.create_connection(("127.0.0.1", PORT)); break
    except OSError: time.sleep(0.2)
f = s.makefile("rb"); f.readline(); s.sendall(b'CONNECT {"verbose":false}\r\nSUB _INBOX.me 1\r\n')
def answer():
    while True:
        line = f.readline()
        if line[:4] == b"PING": s.sendall(b"PONG\r\n")
        elif line[:3] == b"MSG": return f.read(int(line.split()[-1]) + 2)[:-2]
        elif not line: raise OSError("closed")
def call(subject, body):
    s.sendall(b"PUB %s _INBOX.me %d\r\n%s\r\n" % (subject.encode(), len(body), body)); return answer()
random.seed(63)
print(call("$JS.API.STREAM.CREATE.work", json.dumps({"name": "work", "subjects": ["work.>"], "storage": "memory", "retention": "workqueue", "discard": "old", "num_replicas": 1}).encode())[:200], flush=True)
try:
    while True:
        call("work.%d" % random.randrange(100), random.randbytes(random.randrange(500, 20000)))
        time.sleep(random.expovariate(30))
except OSError: time.sleep(3600)
