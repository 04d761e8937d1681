# trace: limit=64M seconds=300 kind=calm split=score needs=victoria-metrics
# VictoriaMetrics takes samples of some thousand series by the influx protocol, and answers a dashboard.
import os, random, subprocess, time, urllib.parse, urllib.request
random.seed(96)
subprocess.Popen(["victoria-metrics", "-storageDataPath=data", "-httpListenAddr=127.0.0.1:23380", "-memory.allowedBytes=96MB", "-loggerLevel=ERROR", "-search.maxConcurrentRequests=2"])
time.sleep(3)
second = 0
while True:
    for part in range(5):
        lines = "\n".join(f"cpu,host=h{h},core={c} user={random.random():.3f},system={random.random():.3f},idle={random.random():.3f}" for h in range(part * 12, part * 12 + 12) for c in range(8))
        try: urllib.request.urlopen("http://127.0.0.1:23380/write", lines.encode()).read()
        except OSError as error: print(error)
        time.sleep(0.4)
    second += 2
    if second % 10 == 0:
        for query in ("avg by (host) (rate(cpu_user[1m]))", "topk(9, max_over_time(cpu_system[30s]))"):
            now = time.time()
            try: urllib.request.urlopen("http://127.0.0.1:23380/api/v1/query_range?" + urllib.parse.urlencode({"query": query, "start": now - 200, "end": now, "step": 2})).read()
            except OSError as error: print(error)
