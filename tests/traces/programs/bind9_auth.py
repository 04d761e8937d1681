# trace: limit=192M seconds=300 kind=calm split=tune needs=bind9
# BIND as an authority: one large zone that is written and loaded anew about each minute, forty small ones, queries.
import os, random, signal, socket, subprocess, threading, time
random.seed(21)
def zone(name, count, serial):
    with open(name + ".new", "w") as file:
        file.write(f"$TTL 3600\n@ IN SOA ns.{name}. admin.{name}. {serial} 3600 600 86400 300\n@ IN NS ns.{name}.\nns IN A 127.0.0.1\n")
        for number in range(count):
            file.write(f"host{number} IN A 10.{number >> 16 & 255}.{number >> 8 & 255}.{(number + serial) & 255}\n")
            if number % 5 == 0:
                file.write(f"host{number} IN TXT \"owner {number * 7919 % 1000} rack {number % 40}\"\n")
    os.rename(name + ".new", name + ".zone")
zones = ["big.example"] + [f"small{n}.example" for n in range(40)]
for name in zones:
    zone(name, 60000 if name == zones[0] else 50, 1)
open("named.conf", "w").write(f'''
options {{ directory "{os.getcwd()}"; listen-on port 23160 {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; recursion no; notify no;
pid-file "{os.getcwd()}/pid"; session-keyfile "{os.getcwd()}/session.key"; managed-keys-directory "{os.getcwd()}"; dnssec-validation no; }};
controls {{ }};
''' + "".join(f'zone "{name}" {{ type primary; file "{name}.zone"; }};\n' for name in zones))
server = subprocess.Popen(["named", "-f", "-n", "2", "-c", os.path.abspath("named.conf")])
def reload():
    count = 60000
    for serial in range(2, 10000):
        time.sleep(55)
        count += random.randrange(500)
        zone(zones[0], count, serial)
        zone(random.choice(zones[1:]), 60, serial)
        server.send_signal(signal.SIGHUP)
threading.Thread(target=reload, daemon=True).start()
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
time.sleep(3)
client.connect(("127.0.0.1", 23160))
client.setblocking(False)
while True:
    for _ in range(10):
        parts = [b"host%d" % random.randrange(60000)] + random.choice(zones[:5]).encode().split(b".") + [b""]
        try: client.send(os.urandom(2) + b"\0\0\0\1\0\0\0\0\0\0" + b"".join(bytes([len(p)]) + p for p in parts) + b"\0\1\0\1")
        except OSError: pass
    time.sleep(0.1)
    try:
        while client.recv(2000): pass
    except OSError: pass
