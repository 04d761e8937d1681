# trace: limit=48M seconds=300 kind=calm split=tune needs=apache2
# Apache (event) sends files, some of them compressed; kept-alive connections come and go; a graceful reload now and then.
import http.client, os, random, signal, subprocess, threading, time
random.seed(12)
here, port = os.getcwd(), 26402
os.mkdir("site")
os.chmod(".", 0o755)
words = [b"%x" % random.getrandbits(24) for _ in range(3000)]
for i in range(250):
    if i % 3: open(f"site/{i}.html", "wb").write(b" ".join(random.choices(words, k=random.randrange(500, 9000))))
    else: open(f"site/{i}.jpg", "wb").write(random.randbytes(random.randrange(50_000, 1_800_000)))
conf = "".join(f"LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so\n" for m in "mpm_event authz_core dir mime filter deflate expires status".split())
open("apache.conf", "w").write(conf + f"""
ServerRoot {here}
ServerName localhost
PidFile {here}/pid
ErrorLog {here}/error.log
LogFormat "%h %t \\"%r\\" %>s %b" common
CustomLog {here}/access.log common
Listen 127.0.0.1:{port}
User www-data
Group www-data
StartServers 2
MinSpareThreads 25
MaxSpareThreads 75
ThreadsPerChild 25
MaxRequestWorkers 150
KeepAliveTimeout 5
TypesConfig /etc/mime.types
DocumentRoot {here}/site
AddOutputFilterByType DEFLATE text/html
""")
server = subprocess.Popen(["apache2", "-D", "FOREGROUND", "-f", here + "/apache.conf"])
time.sleep(2)
busy = 10
def visitor(number):
    choose = random.Random(number)
    while True:
        time.sleep(choose.expovariate(0.15))
        if number >= busy: continue
        try:
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            for _ in range(choose.randrange(1, 8)):
                i = min(249, int(choose.expovariate(1 / 60)))
                path = f"/{i}." + ("html" if i % 3 else "jpg")
                c.request("GET", path, headers={"Accept-Encoding": "gzip"}); r = c.getresponse()
                while r.read(65536): pass
                if r.status != 200: print(path, r.status, flush=True)
                time.sleep(choose.random())
            c.close()
        except (OSError, http.client.HTTPException) as e: print(repr(e), flush=True)
for n in range(60): threading.Thread(target=visitor, args=(n,), daemon=True).start()
for minute in range(10**6):
    busy = [10, 25, 60, 30][minute % 4]
    time.sleep(35)
    if minute % 2: server.send_signal(signal.SIGUSR1)
