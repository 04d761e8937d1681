# trace: limit=192M seconds=300 kind=calm split=score needs=uvicorn,python3-starlette
# An asyncio API (uvicorn, Starlette): websocket-like long polls that come and go, JSON lists, uploads; bursts of clients.
import http.client, json, os, random, subprocess, threading, time
random.seed(32)
port = 26432
open("app.py", "w").write('''
import asyncio, functools, json, random
from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route
@functools.lru_cache(maxsize=1000)
def item(number): return {"id": number, "parts": [{"n": i, "text": "part %d of %d" % (i, number)} for i in range(number % 150)]}
async def items(request): return JSONResponse([item(random.randrange(5000)) for _ in range(5)])
async def poll(request):
    buffer = ["event %d" % random.random() for _ in range(2000)]
    await asyncio.sleep(random.uniform(2, 20))
    return JSONResponse(buffer[:10])
async def upload(request):
    data = json.loads(await request.body())
    return JSONResponse({"count": len(data)})
app = Starlette(routes=[Route("/items", items), Route("/poll", poll), Route("/upload", upload, methods=["POST"])])
''')
subprocess.Popen(["/usr/bin/python3", "-m", "uvicorn", "--port", str(port), "--log-level", "warning", "app:app"], env={"PATH": "/usr/bin:/bin"})
time.sleep(4)
def ask(method, path, body=None):
    try:
        c = http.client.HTTPConnection("127.0.0.1", port, timeout=40)
        c.request(method, path, body); r = c.getresponse(); r.read(); c.close()
        if r.status != 200: print(path, r.status, flush=True)
    except (OSError, http.client.HTTPException) as e: print(path, repr(e), flush=True)
def steady():
    while True: time.sleep(random.expovariate(12)); ask("GET", "/items")
threading.Thread(target=steady, daemon=True).start()
for minute in range(10**6):
    for _ in range([20, 150, 60, 10][minute % 4]):
        threading.Thread(target=ask, args=("GET", "/poll"), daemon=True).start(); time.sleep(0.05)
    ask("POST", "/upload", json.dumps([{"id": i, "name": "n%d" % i} for i in range(random.randrange(2000, 50000))]))
    time.sleep(random.uniform(10, 25))
