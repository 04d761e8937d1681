# trace: limit=160M seconds=600 kind=leak class=leak split=score needs=gunicorn,python3-flask
# gunicorn without max_requests; the app keeps each request's data in a global list "for the statistics".
import http.client, json, os, random, subprocess, threading, time
random.seed(28)
here, port = os.getcwd(), 26427
os.chmod(".", 0o755)
open("app.py", "w").write('''
import time, flask
app = flask.Flask(__name__)
history = []
@app.route("/order", methods=["POST"])
def order():
    data = flask.request.get_json()
    history.append({"time": time.time(), "order": data, "headers": dict(flask.request.headers)})
    return flask.jsonify(count=len(data["items"]), total=sum(i["price"] for i in data["items"]))
@app.route("/")
def home(): return "<p>hello</p>" * 100
''')
subprocess.Popen(["/usr/bin/gunicorn", "-w", "2", "-b", f"127.0.0.1:{port}", "--worker-tmp-dir", here, "--log-level", "error", "app:app"], env={"PATH": "/usr/bin:/bin"})
time.sleep(4)
def visitor(number):
    choose = random.Random(number)
    while True:
        time.sleep(choose.expovariate(2.5))
        try:
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            if choose.random() < 0.4: c.request("GET", "/")
            else: c.request("POST", "/order", json.dumps({"items": [{"name": "item %d" % i, "price": choose.random()} for i in range(choose.randrange(2, 200))]}), {"Content-Type": "application/json"})
            r = c.getresponse(); r.read(); c.close()
            if r.status != 200: print(r.status, flush=True)
        except (OSError, http.client.HTTPException) as e: print(repr(e), flush=True)
for n in range(6): threading.Thread(target=visitor, args=(n,), daemon=True).start()
time.sleep(10**6)
