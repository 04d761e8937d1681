# trace: limit=96M seconds=900 kind=calm split=score needs=apache2
# Apache as a WebDAV share: offices upload and fetch documents, list folders, delete old ones; a backup reads everything each 90 s.
import http.client, os, random, shutil, subprocess, threading, time
random.seed(51)
here, port = os.getcwd(), 26451
os.mkdir("share")
for d in range(8): os.mkdir(f"share/{d}")
subprocess.run(["chown", "-R", "www-data:www-data", "."]); os.chmod(".", 0o755)
conf = "".join(f"LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so\n" for m in "mpm_event authz_core dir mime dav dav_fs".split())
open("apache.conf", "w").write(conf + f"""
ServerRoot {here}
ServerName localhost
PidFile {here}/pid
ErrorLog {here}/error.log
Listen 127.0.0.1:{port}
User www-data
Group www-data
TypesConfig /etc/mime.types
DavLockDB {here}/DavLock
DocumentRoot {here}/share
<Directory {here}/share>
Dav On
</Directory>
""")
subprocess.Popen(["apache2", "-D", "FOREGROUND", "-f", here + "/apache.conf"])
time.sleep(3)
known = []
def office(number):
    choose = random.Random(number)
    while True:
        time.sleep(choose.expovariate(1))
        kind = choose.random()
        try:
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            if kind < 0.3 or not known:
                name = f"/{choose.randrange(8)}/{choose.randrange(10**6)}.doc"; known.append(name)
                c.request("PUT", name, choose.randbytes(int(min(5e6, 20_000 * choose.paretovariate(0.8)))))
            elif kind < 0.7: c.request("GET", choose.choice(known))
            elif kind < 0.95: c.request("PROPFIND", f"/{choose.randrange(8)}/", headers={"Depth": "1"})
            else: c.request("DELETE", known.pop(0))
            r = c.getresponse()
            while r.read(65536): pass
            c.close()
            if r.status >= 300: print(kind, r.status, flush=True)
        except (OSError, http.client.HTTPException) as e: print(kind, repr(e), flush=True)
for n in range(5): threading.Thread(target=office, args=(n,), daemon=True).start()
while True:
    time.sleep(90)
    subprocess.run("tar -czf backup.new share && mv backup.new backup.tgz", shell=True, stderr=subprocess.DEVNULL)
