# trace: limit=64M seconds=600 kind=leak class=leak split=score needs=pdns-recursor
# PowerDNS recursor with the default of a million entries, in a small container; a crawler asks for ever new names.
import os, random, socket, subprocess, threading, time
random.seed(14)
def authority(server):
    while True:
        query, client = server.recvfrom(600)
        end = query.index(b"\0", 12) + 5
        count = 1 + query[1] % 8
        answers = b"".join(b"\xc0\x0c\0\1\0\1\0\1\x51\x80\0\4" + os.urandom(4) for _ in range(count))
        server.sendto(query[:2] + b"\x85\x80\0\1\0" + bytes([count]) + b"\0\0\0\0" + query[12:end] + answers, client)
upstream = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
upstream.bind(("127.0.0.1", 23131))
threading.Thread(target=authority, args=(upstream,), daemon=True).start()
subprocess.Popen(["pdns_recursor", "--config-dir=" + os.getcwd(), "--socket-dir=" + os.getcwd(), "--daemon=no", "--local-address=127.0.0.1",
                  "--local-port=23130", "--forward-zones-recurse=.=127.0.0.1:23131", "--dont-query=", "--dnssec=off",
                  "--threads=2", "--quiet", "--hint-file=no"])
time.sleep(2)
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.connect(("127.0.0.1", 23130))
client.setblocking(False)
while True:
    for _ in range(random.randrange(25) if random.random() < 0.8 else 60):
        number = random.randrange(10**8)
        name = b"".join(bytes([len(part)]) + part for part in (b"h%d" % (number % 4), b"site%d" % (number // 4), b"com", b""))
        try: client.send(os.urandom(2) + b"\1\0\0\1\0\0\0\0\0\0" + name + b"\0\1\0\1")
        except OSError: pass
    time.sleep(0.1)
    try:
        while client.recv(2000): pass
    except OSError: pass
