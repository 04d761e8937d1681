# trace: limit=192M seconds=300 kind=calm split=score needs=uwsgi-core,uwsgi-plugin-python3,python3-flask
# uWSGI with a Flask app in three processes that are recycled (max-requests, reload-on-rss): small pages, some large reports.
import http.client, os, random, subprocess, threading, time
random.seed(22)
here, port = os.getcwd(), 26421
os.chmod(".", 0o755)
open("app.py", "w").write('''
import csv, io, json, random, sqlite3, decimal, flask
app = flask.Flask(__name__)
recent = {}
@app.route("/")
def home(): return flask.render_template_string("<ul>{% for i in items %}<li>{{ i }}</li>{% endfor %}</ul>", items=range(200))
@app.route("/user/<int:number>")
def user(number):
    recent[number] = {"id": number, "seen": [random.random() for _ in range(60)]}
    if len(recent) > 2000: recent.pop(next(iter(recent)))
    return flask.jsonify(recent[number])
@app.route("/report")
def report():
    rows = [{"id": i, "name": "name %d" % i, "sum": random.random()} for i in range(random.randrange(5000, 60000))]
    out = io.StringIO(); w = csv.DictWriter(out, ["id", "name", "sum"]); w.writerows(rows)
    return out.getvalue()
''')
open("uwsgi.ini", "w").write(f"""[uwsgi]
plugins = python3
http-socket = 127.0.0.1:{port}
chdir = {here}
module = app:app
master = true
processes = 3
uid = www-data
gid = www-data
max-requests = 700
reload-on-rss = 96
disable-logging = true
logto = {here}/uwsgi.log
need-app = true
""")
open("uwsgi.log", "w").close(); os.chmod("uwsgi.log", 0o666)
subprocess.Popen(["uwsgi", "--ini", "uwsgi.ini"], env={"PATH": "/usr/bin:/bin"})
time.sleep(4)
def visitor(number):
    choose = random.Random(number)
    while True:
        time.sleep(choose.expovariate(2))
        path = choose.choices(["/", f"/user/{choose.randrange(5000)}", "/report"], [30, 69, 1])[0]
        try:
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            c.request("GET", path); r = c.getresponse(); r.read(); c.close()
            if r.status != 200: print(path, r.status, flush=True)
        except (OSError, http.client.HTTPException) as e: print(path, repr(e), flush=True)
for n in range(5): threading.Thread(target=visitor, args=(n,), daemon=True).start()
time.sleep(10**6)
