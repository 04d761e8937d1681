# trace: limit=64M seconds=600 kind=leak class=leak split=score needs=bind9
# BIND as a resolver with its default cache (90 % of the machine's memory, not of its cgroup's); names ever new.
import os, random, socket, subprocess, threading, time
random.seed(23)
def authority(server):
    while True:
        query, client = server.recvfrom(600)
        end = query.index(b"\0", 12) + 5
        count = 1 + query[1] % 8
        answers = b"".join(b"\xc0\x0c\0\1\0\1\0\1\x51\x80\0\4" + os.urandom(4) for _ in range(count))
        server.sendto(query[:2] + b"\x85\x80\0\1\0" + bytes([count]) + b"\0\0\0\0" + query[12:end] + answers, client)
upstream = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
upstream.bind(("127.0.0.1", 23511))
threading.Thread(target=authority, args=(upstream,), daemon=True).start()
open("named.conf", "w").write(f'''
options {{ directory "{os.getcwd()}"; listen-on port 23510 {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; recursion yes; dnssec-validation no; empty-zones-enable no;
forward only; forwarders {{ 127.0.0.1 port 23511; }}; pid-file "{os.getcwd()}/pid"; session-keyfile "{os.getcwd()}/session.key"; managed-keys-directory "{os.getcwd()}"; }};
controls {{ }};
''')
subprocess.Popen(["named", "-f", "-n", "2", "-c", os.path.abspath("named.conf")])
time.sleep(2)
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.connect(("127.0.0.1", 23510))
client.setblocking(False)
while True:
    for _ in range(random.randrange(20, 40)):
        number = random.randrange(10**8)
        name = b"".join(bytes([len(part)]) + part for part in (b"h%d" % (number % 4), b"site%d" % (number // 4), b"com", b""))
        try: client.send(os.urandom(2) + b"\1\0\0\1\0\0\0\0\0\0" + name + b"\0\1\0\1")
        except OSError: pass
    time.sleep(0.1)
    try:
        while client.recv(2000): pass
    except OSError: pass
