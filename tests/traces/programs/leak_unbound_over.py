# trace: limit=64M seconds=600 kind=leak class=leak split=score needs=unbound
# unbound whose caches (256 + 512 MiB, set for a larger machine) may be more than its cgroup; a mail filter asks for ever new names.
import os, random, socket, subprocess, threading, time
random.seed(12)
def authority(server):
    while True:
        query, client = server.recvfrom(600)
        end = query.index(b"\0", 12) + 5
        count = 1 + query[1] % 8
        answers = b"".join(b"\xc0\x0c\0\1\0\1\0\1\x51\x80\0\4" + os.urandom(4) for _ in range(count))
        server.sendto(query[:2] + b"\x85\x80\0\1\0" + bytes([count]) + b"\0\0\0\0" + query[12:end] + answers, client)
upstream = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
upstream.bind(("127.0.0.1", 23111))
threading.Thread(target=authority, args=(upstream,), daemon=True).start()
open("unbound.conf", "w").write(f'''
server:
  interface: 127.0.0.1@23110
  username: ""
  chroot: ""
  pidfile: ""
  directory: "{os.getcwd()}"
  use-syslog: no
  do-daemonize: no
  do-not-query-localhost: no
  module-config: "iterator"
  num-threads: 2
  msg-cache-size: 256m
  rrset-cache-size: 512m
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@23111
''')
subprocess.Popen(["unbound", "-d", "-c", "unbound.conf"])
time.sleep(1)
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.connect(("127.0.0.1", 23110))
client.setblocking(False)
while True:
    for _ in range(random.randrange(20, 40)):
        number = random.randrange(10**8)
        name = b"".join(bytes([len(part)]) + part for part in (b"h%d" % (number % 4), b"%d" % (number // 4), b"list", b"example", b""))
        try: client.send(os.urandom(2) + b"\1\0\0\1\0\0\0\0\0\0" + name + b"\0\1\0\1")
        except OSError: pass
    time.sleep(0.1)
    try:
        while client.recv(2000): pass
    except OSError: pass
