# trace: limit=192M seconds=300 kind=calm split=score needs=nsd
# NSD as an authority; its zones change and are loaded anew about each forty seconds (server processes are forked again).
import os, random, signal, socket, subprocess, threading, time
random.seed(24)
home = os.getcwd()
def zone(name, count, serial):
    with open(name + ".new", "w") as file:
        file.write(f"$ORIGIN {name}.\n$TTL 3600\n@ IN SOA ns.{name}. admin.{name}. {serial} 3600 600 86400 300\n@ IN NS ns.{name}.\nns IN A 127.0.0.1\n")
        for number in range(count):
            file.write(f"host{number} IN A 10.{number >> 16 & 255}.{number >> 8 & 255}.{(number + serial) & 255}\n")
    os.rename(name + ".new", name + ".zone")
zones = ["big.example"] + [f"small{n}.example" for n in range(30)]
for name in zones: zone(name, 25000 if name == zones[0] else 50, 1)
open("nsd.conf", "w").write(f'''server:
  ip-address: 127.0.0.1@23530
  username: ""
  chroot: ""
  zonesdir: "{home}"
  database: ""
  pidfile: "{home}/pid"
  xfrdfile: "{home}/xfrd"
  zonelistfile: "{home}/zone.list"
  xfrdir: "{home}"
  server-count: 2
remote-control:
  control-enable: no
''' + "".join(f"zone:\n  name: {name}\n  zonefile: {name}.zone\n" for name in zones))
server = subprocess.Popen(["nsd", "-d", "-c", home + "/nsd.conf"])
def reload():
    for serial in range(2, 10000):
        time.sleep(40)
        zone(zones[0] if serial % 2 else random.choice(zones), 25000 + random.randrange(2000) if serial % 2 else 60, serial)
        server.send_signal(signal.SIGHUP)
threading.Thread(target=reload, daemon=True).start()
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.connect(("127.0.0.1", 23530))
client.setblocking(False)
while True:
    for _ in range(20):
        parts = [b"host%d" % random.randrange(25000)] + random.choice(zones[:5]).encode().split(b".") + [b""]
        try: client.send(os.urandom(2) + b"\0\0\0\1\0\0\0\0\0\0" + b"".join(bytes([len(p)]) + p for p in parts) + b"\0\1\0\1")
        except OSError: pass
    time.sleep(0.1)
    try:
        while client.recv(2000): pass
    except OSError: pass
