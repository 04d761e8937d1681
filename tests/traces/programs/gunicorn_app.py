# trace: limit=384M seconds=300 kind=calm split=score needs=gunicorn,python3-flask,python3-sqlalchemy,python3-numpy
# gunicorn, three workers without preload, max_requests with jitter; a data API that imports numpy and SQLAlchemy; busy and quiet.
import http.client, os, random, subprocess, threading, time
random.seed(23)
here, port = os.getcwd(), 26422
os.chmod(".", 0o755)
open("app.py", "w").write('''
import os, random, flask, numpy
from sqlalchemy import Column, Float, Integer, String, create_engine, func
from sqlalchemy.orm import declarative_base, sessionmaker
app = flask.Flask(__name__)
Base = declarative_base()
class Sale(Base):
    __tablename__ = "sales"
    id = Column(Integer, primary_key=True); shop = Column(String(20)); price = Column(Float)
engine = create_engine("sqlite:///shop.db")
Session = sessionmaker(bind=engine)
def fill():
    Base.metadata.create_all(engine)
    with Session() as s:
        s.bulk_save_objects([Sale(shop="shop%d" % (i % 50), price=i % 997) for i in range(20000)]); s.commit()
@app.route("/shop/<name>")
def shop(name):
    with Session() as s: return flask.jsonify([(x.id, x.price) for x in s.query(Sale).filter_by(shop=name).limit(200)])
@app.route("/top")
def top():
    with Session() as s: return flask.jsonify([list(r) for r in s.query(Sale.shop, func.sum(Sale.price)).group_by(Sale.shop)])
@app.route("/forecast")
def forecast():
    a = numpy.random.rand(random.randrange(200, 1500), 1000); return flask.jsonify(a.mean(axis=0)[:50].tolist())
''')
env = {"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
subprocess.run(["/usr/bin/python3", "-c", "import app; app.fill()"], env=env)
subprocess.Popen(["/usr/bin/gunicorn", "-w", "3", "-b", f"127.0.0.1:{port}", "--max-requests", "350", "--max-requests-jitter", "100",
                  "--worker-tmp-dir", here, "--log-level", "error", "app:app"], env=env)
time.sleep(5)
busy = 2
def visitor(number):
    choose = random.Random(number)
    while True:
        time.sleep(choose.expovariate(1.5))
        if number >= busy: continue
        path = choose.choices([f"/shop/shop{choose.randrange(50)}", "/top", "/forecast"], [80, 10, 10])[0]
        try:
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            c.request("GET", path); r = c.getresponse(); r.read(); c.close()
            if r.status != 200: print(path, r.status, flush=True)
        except (OSError, http.client.HTTPException) as e: print(path, repr(e), flush=True)
for n in range(9): threading.Thread(target=visitor, args=(n,), daemon=True).start()
while True:
    for busy, length in ((3, 40), (9, 30), (5, 30)): time.sleep(length)
