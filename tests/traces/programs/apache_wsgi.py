# trace: limit=128M seconds=300 kind=calm split=score needs=apache2,libapache2-mod-wsgi-py3
# Apache with mod_wsgi (daemon mode, two processes, threads): an intranet page over SQLite, searches, and a nightly import each 70 s.
import http.client, os, random, shutil, socket, subprocess, threading, time
random.seed(33)
here, port = os.getcwd(), 26433
shutil.chown(".", "www-data", "www-data"); os.chmod(".", 0o755)
open("app.wsgi", "w").write('''
import html, json, os, random, sqlite3, urllib.parse
PATH = os.path.join(os.path.dirname(__file__), "wiki.db")
def connect():
    db = sqlite3.connect(PATH, timeout=30); db.execute("CREATE TABLE IF NOT EXISTS pages (id INTEGER PRIMARY KEY, title TEXT, text TEXT)"); return db
def application(environ, start):
    db = connect(); path = environ["PATH_INFO"]
    if path == "/import":
        rows = [("page %d" % i, " ".join("w%d" % random.randrange(5000) for _ in range(80))) for i in range(6000)]
        db.execute("DELETE FROM pages"); db.executemany("INSERT INTO pages (title, text) VALUES (?, ?)", rows); db.commit(); out = "imported"
    elif path == "/search":
        out = json.dumps(db.execute("SELECT title, text FROM pages WHERE text LIKE ? LIMIT 100", ("%w" + environ["QUERY_STRING"] + "%",)).fetchall())
    else:
        out = "".join("<h1>%s</h1><p>%s" % (html.escape(t), html.escape(x)) for t, x in db.execute("SELECT title, text FROM pages WHERE id %% 300 = %d" % random.randrange(300)))
    db.close(); body = out.encode(); start("200 OK", [("Content-Type", "text/html"), ("Content-Length", str(len(body)))]); return [body]
''')
conf = "".join(f"LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so\n" for m in "mpm_event authz_core dir mime wsgi".split())
open("apache.conf", "w").write(conf + f"""
ServerRoot {here}
ServerName localhost
PidFile {here}/pid
ErrorLog {here}/error.log
Listen 127.0.0.1:{port}
User www-data
Group www-data
TypesConfig /etc/mime.types
WSGISocketPrefix {here}/wsgi
WSGIDaemonProcess wiki processes=2 threads=8 display-name=%{{GROUP}}
WSGIProcessGroup wiki
WSGIApplicationGroup %{{GLOBAL}}
WSGIScriptAlias / {here}/app.wsgi
<Directory {here}>
Require all granted
</Directory>
""")
subprocess.Popen(["apache2", "-D", "FOREGROUND", "-f", here + "/apache.conf"])
def up():
    try: socket.create_connection(("127.0.0.1", port)).close(); return True
    except OSError: return False
while not up(): time.sleep(0.2)
def ask(path):
    try:
        c = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        c.request("GET", path); r = c.getresponse(); r.read(); c.close()
        if r.status != 200: print(path, r.status, flush=True)
    except (OSError, http.client.HTTPException) as e: print(path, repr(e), flush=True)
def visitor(number):
    choose = random.Random(number)
    while True:
        time.sleep(choose.expovariate(1.5))
        ask("/" if choose.random() < 0.8 else f"/search?{choose.randrange(5000)}")
ask("/import")
for n in range(6): threading.Thread(target=visitor, args=(n,), daemon=True).start()
while True:
    time.sleep(70)
    ask("/import")
