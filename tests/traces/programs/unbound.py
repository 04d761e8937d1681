# trace: limit=64M seconds=300 kind=calm split=tune needs=unbound
# unbound as a resolver: its caches (4 + 8 MiB) fill with names of a local authority, then the oldest go.
import os, random, socket, subprocess, threading, time
random.seed(11)
def authority(server):
    while True:
        query, client = server.recvfrom(600)
        end = query.index(b"\0", 12) + 5
        count = 1 + query[1] % 8
        answers = b"".join(b"\xc0\x0c\0\1\0\1\0\1\x51\x80\0\4" + os.urandom(4) for _ in range(count))
        server.sendto(query[:2] + b"\x85\x80\0\1\0" + bytes([count]) + b"\0\0\0\0" + query[12:end] + answers, client)
upstream = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
upstream.bind(("127.0.0.1", 23101))
threading.Thread(target=authority, args=(upstream,), daemon=True).start()
open("unbound.conf", "w").write(f'''
server:
  interface: 127.0.0.1@23100
  username: ""
  chroot: ""
  pidfile: ""
  directory: "{os.getcwd()}"
  use-syslog: no
  do-daemonize: no
  do-not-query-localhost: no
  module-config: "iterator"
  num-threads: 2
  msg-cache-size: 4m
  rrset-cache-size: 8m
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@23101
''')
subprocess.Popen(["unbound", "-d", "-c", "unbound.conf"])
time.sleep(1)
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.connect(("127.0.0.1", 23100))
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
