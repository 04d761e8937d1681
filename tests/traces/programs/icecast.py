# trace: limit=32M seconds=300 kind=calm split=score needs=icecast2
# icecast: two radio stations at 128 kbit, listeners come and go (each gets a burst first), some are slow.
import os, random, socket, subprocess, threading, time
random.seed(84)
home = os.getcwd()
os.chmod(home, 0o777)
open("icecast.xml", "w").write(f'''<icecast><limits><clients>300</clients><sources>4</sources><queue-size>524288</queue-size><burst-size>65535</burst-size></limits>
<authentication><source-password>hackme</source-password><admin-user>admin</admin-user><admin-password>x</admin-password></authentication>
<hostname>localhost</hostname><listen-socket><port>23300</port><bind-address>127.0.0.1</bind-address></listen-socket>
<paths><basedir>/usr/share/icecast2</basedir><logdir>{home}</logdir><webroot>/usr/share/icecast2/web</webroot><adminroot>/usr/share/icecast2/admin</adminroot></paths>
<logging><accesslog>access.log</accesslog><errorlog>error.log</errorlog><loglevel>2</loglevel></logging>
<security><chroot>0</chroot><changeowner><user>icecast2</user><group>icecast</group></changeowner></security></icecast>''')
subprocess.Popen(["icecast2", "-c", "icecast.xml"])
def wait(port):
    while True:
        try: return socket.create_connection(("127.0.0.1", port)).close()
        except OSError: time.sleep(0.2)
wait(23300)
def source(mount):
    client = socket.create_connection(("127.0.0.1", 23300))
    client.sendall(b"PUT /" + mount + b" HTTP/1.1\r\nHost: x\r\nAuthorization: Basic c291cmNlOmhhY2ttZQ==\r\nContent-Type: audio/mpeg\r\n\r\n")
    print(client.recv(1000)[:40], flush=True)
    while True:
        client.sendall(os.urandom(4096))
        time.sleep(0.25)
for mount in (b"rock", b"talk"): threading.Thread(target=source, args=(mount,)).start()
def listener(mount, slow, until):
    client = socket.create_connection(("127.0.0.1", 23300))
    client.sendall(b"GET /" + mount + b" HTTP/1.0\r\n\r\n")
    while time.time() < until:
        if not client.recv(2000 if slow else 65536): break
        time.sleep(0.5)
    client.close()
while True:
    if threading.active_count() < (120 if time.time() % 120 < 70 else 40):
        threading.Thread(target=listener, args=(random.choice((b"rock", b"talk")), random.random() < 0.1, time.time() + random.expovariate(1 / 50))).start()
    time.sleep(random.expovariate(2.5))
