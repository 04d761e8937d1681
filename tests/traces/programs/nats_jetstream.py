# trace: limit=128M seconds=900 kind=calm split=score needs=nats-server
# NATS JetStream: a stream in memory kept for 80 s and one in a file bounded at 60 MB; traffic comes in shifts.
PORT, MEMORY = 28742, "64MB"
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
random.seed(62); start = time.time()
print(call("$JS.API.STREAM.CREATE.state", json.dumps({"name": "state", "subjects": ["state.>"], "storage": "memory", "retention": "limits", "max_age": 80 * 10**9, "max_bytes": 30000000, "discard": "old", "num_replicas": 1}).encode())[:200], flush=True)
print(call("$JS.API.STREAM.CREATE.log", json.dumps({"name": "log", "subjects": ["log.>"], "storage": "file", "retention": "limits", "max_bytes": 60000000, "discard": "old", "num_replicas": 1}).encode())[:200], flush=True)
while True:
    for _ in range(5 if (time.time() - start) % 140 < 80 else 1):
        call("state.%d" % random.randrange(100), random.randbytes(random.randrange(500, 9000)))
        call("log.%d" % random.randrange(10), random.randbytes(random.randrange(500, 9000)))
    time.sleep(0.1)
