# trace: limit=64M seconds=300 kind=calm split=score
# A small web application in Python (http.server, a thread a request) over SQLite: pages, comments, a search, a feed.
import http.client, http.server, os, random, socketserver, sqlite3, sys, threading, time
PORT = 28790
def connect():
    db = sqlite3.connect("blog.db", timeout=20); db.execute("pragma journal_mode=wal"); db.execute("pragma cache_size=-6000"); return db
local = threading.local(); rendered = {}
class Page(http.server.BaseHTTPRequestHandler):
    def answer(self, text):
        body = text.encode(); self.send_response(200); self.send_header("content-length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def do_GET(self):
        db = connect(); what, _, arg = self.path[1:].partition("/")
        if what == "page":
            if arg not in rendered:
                title, text = db.execute("select title, text from page where id = ?", (arg,)).fetchone()
                if len(rendered) > 400: rendered.clear()
                rendered[arg] = "<h1>%s</h1>%s" % (title, text)
            notes = db.execute("select who, text from note where page = ? order by id desc limit 50", (arg,)).fetchall()
            self.answer(rendered[arg] + "".join("<p>%s: %s</p>" % n for n in notes))
        elif what == "search": self.answer(repr(db.execute("select id, title from page where text like ? limit 40", ("%" + arg + "%",)).fetchall()))
        else: self.answer("".join("<entry>%s%s</entry>" % r for r in db.execute("select title, text from page order by id desc limit 150").fetchall()))
        db.close()
    def do_POST(self):
        text = self.rfile.read(int(self.headers["content-length"])).decode(); db = connect()
        with db: db.execute("insert into note (page, who, text) values (?, ?, ?)", (self.path.rpartition("/")[2], "somebody", text))
        db.close(); self.answer("thanks")
    def log_message(self, *a): pass
class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True; request_queue_size = 50
db = connect(); r = random.Random(3)
db.execute("create table page (id integer primary key, title, text)"); db.execute("create table note (id integer primary key, page, who, text)"); db.execute("create index note_page on note (page)")
with db: db.executemany("insert into page (title, text) values (?, ?)", (("Page %d" % i, "".join(r.choices("abcdefghij ", k=r.randrange(2000, 20000)))) for i in range(1500)))
db.close()
def visitor(seed):
    r = random.Random(seed); start = time.time()
    while True:
        c = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
        try:
            at = r.random(); page = min(1500, int(r.paretovariate(0.5)))
            if at < 0.12: c.request("POST", "/page/%d" % page, "t" * r.randrange(20, 2000))
            elif at < 0.14: c.request("GET", "/search/" + "".join(r.choices("abcdefghij", k=4)))
            elif at < 0.16: c.request("GET", "/feed")
            else: c.request("GET", "/page/%d" % page)
            c.getresponse().read()
        except OSError: pass
        c.close(); time.sleep(r.expovariate(0.6 if (time.time() - start) % 100 < 60 else 3))
if os.fork():
    Server(("127.0.0.1", PORT), Page).serve_forever()
else:
    time.sleep(0.5)
    for n in range(4): threading.Thread(target=visitor, args=(n,)).start()
