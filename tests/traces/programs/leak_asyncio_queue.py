# trace: limit=80M seconds=600 kind=leak class=leak split=score needs=uvicorn,python3-starlette
# An asyncio web hook receiver puts events into a queue without a bound; its one worker is slower than what comes in the busy phases.
import http.client, json, os, random, subprocess, threading, time
random.seed(48)
port = 26450
open("app.py", "w").write('''
import asyncio, json
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
queue = asyncio.Queue()
async def hook(request):
    queue.put_nowait(await request.json()); return JSONResponse({"queued": queue.qsize()})
async def worker():
    while True: event = await queue.get(); await asyncio.sleep(0.12)
app = Starlette(routes=[Route("/hook", hook, methods=["POST"])], on_startup=[lambda: asyncio.ensure_future(worker()) and None])
''')
subprocess.Popen(["/usr/bin/python3", "-m", "uvicorn", "--port", str(port), "--log-level", "warning", "app:app"], env={"PATH": "/usr/bin:/bin"})
time.sleep(4)
start = time.time()
while True:
    busy = (time.time() - start) % 60 > 20
    time.sleep(random.expovariate(45 if busy else 5))
    body = json.dumps({"event": "push", "commits": [{"id": "%040x" % random.getrandbits(160), "files": ["src/file%d.c" % random.randrange(900) for _ in range(random.randrange(20))]} for _ in range(random.randrange(1, 24))]})
    try:
        c = http.client.HTTPConnection("127.0.0.1", port, timeout=30); c.request("POST", "/hook", body); r = c.getresponse(); r.read(); c.close()
        if r.status != 200: print(r.status, flush=True)
    except (OSError, http.client.HTTPException) as e: print(repr(e), flush=True)
