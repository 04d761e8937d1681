# trace: limit=32M seconds=300 kind=calm split=score needs=dnsmasq-base
# dnsmasq in an office: a cache of 10000 names, a list of blocked hosts that is read again at times.
import os, random, socket, subprocess, threading, time
random.seed(15)
def authority(server):
    while True:
        query, client = server.recvfrom(600)
        end = query.index(b"\0", 12) + 5
        count = 1 + query[1] % 8
        answers = b"".join(b"\xc0\x0c\0\1\0\1\0\1\x51\x80\0\4" + os.urandom(4) for _ in range(count))
        server.sendto(query[:2] + b"\x85\x80\0\1\0" + bytes([count]) + b"\0\0\0\0" + query[12:end] + answers, client)
upstream = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
upstream.bind(("127.0.0.1", 23141))
threading.Thread(target=authority, args=(upstream,), daemon=True).start()
def blocklist(count):
    with open("blocked", "w") as file:
        for number in range(count):
            file.write(f"0.0.0.0 ads{number}.tracker{number % 700}.example\n")
blocklist(60000)
server = subprocess.Popen(["dnsmasq", "-k", "-u", "root", "-C", "/dev/null", "-p", "23140", "-a", "127.0.0.1", "--bind-interfaces", "--no-resolv", "--no-hosts",
                           "--pid-file", "--server=127.0.0.1#23141", "--cache-size=10000", "--addn-hosts=" + os.path.abspath("blocked"), "--log-facility=-"])
def reload():
    size = 60000
    while True:
        time.sleep(75)
        size += random.randrange(-1000, 4000)
        blocklist(size)
        server.send_signal(1)
threading.Thread(target=reload, daemon=True).start()
time.sleep(2)
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.connect(("127.0.0.1", 23140))
client.setblocking(False)
while True:
    for _ in range(random.randrange(5, 20)):
        number = int(random.paretovariate(0.08)) % 400000
        name = b"".join(bytes([len(part)]) + part for part in (b"h%d" % (number % 4), b"site%d" % (number // 4), b"com", b""))
        try: client.send(os.urandom(2) + b"\1\0\0\1\0\0\0\0\0\0" + name + b"\0\1\0\1")
        except OSError: pass
    time.sleep(0.1)
    try:
        while client.recv(2000): pass
    except OSError: pass
