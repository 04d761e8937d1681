# trace: limit=24M seconds=300 kind=calm split=tune needs=prosody
# Prosody (XMPP): users log in, set presence, send messages to each other and leave; Lua collects its garbage.
import base64, os, random, re, socket, subprocess, time
random.seed(97)
home = os.getcwd()
os.chmod(home, 0o755)
os.makedirs("data/localhost/accounts"); os.makedirs("certs")
for n in range(80):
    open(f"data/localhost/accounts/u{n}.dat", "w").write('return { ["password"] = "secret"; };\n')
subprocess.run(["chown", "-R", "prosody:prosody", "data"])
open("prosody.cfg.lua", "w").write(f'''
run_as_root = true
pidfile = "{home}/pid"
data_path = "{home}/data"
certificates = "{home}/certs"
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ 23400 }}
modules_enabled = {{ "roster", "saslauth", "disco", "ping", "offline" }}
modules_disabled = {{ "s2s", "tls" }}
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
authentication = "internal_plain"
storage = "internal"
log = {{ warn = "{home}/prosody.log" }}
limits = {{ }}
VirtualHost "localhost"
''')
subprocess.Popen(["prosody", "-F", "--config", home + "/prosody.cfg.lua"])
time.sleep(3)
def login(n):
    client = socket.create_connection(("127.0.0.1", 23400))
    client.settimeout(5)
    def step(text, wanted):
        client.sendall(text.encode())
        got = ""
        while wanted not in got:
            data = client.recv(8192).decode()
            if not data: raise OSError("closed: " + got)
            got += data
    stream = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>"
    step(stream, "</stream:features>")
    step("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" + base64.b64encode(b"\0u%d\0secret" % n).decode() + "</auth>", "<success")
    step(stream, "</stream:features>")
    step("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>", "</iq>")
    client.sendall(b"<presence/>")
    client.setblocking(False)
    return client
online = {}
while True:
    want = 60 if time.time() % 130 < 80 else 20
    try:
        if len(online) < want:
            n = random.randrange(80)
            if n not in online: online[n] = login(n)
        elif random.random() < 0.3:
            online.pop(random.choice(list(online))).close()
        for n in random.sample(list(online), min(3, len(online))):
            online[n].sendall(f"<message to='u{random.randrange(80)}@localhost' type='chat'><body>{'words ' * random.randrange(1, 80)}</body></message>".encode())
    except OSError as error: print(error, flush=True)
    for n, client in list(online.items()):
        try:
            if not client.recv(65536): online.pop(n)
        except BlockingIOError: pass
        except OSError: online.pop(n)
    time.sleep(0.3)
