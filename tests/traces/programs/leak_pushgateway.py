# trace: limit=96M seconds=600 kind=leak class=leak split=tune needs=prometheus-pushgateway
# Prometheus' push gateway: each short job pushes its metrics under a name of its own, and nobody ever deletes a group.
import http.client, os, random, subprocess, threading, time
random.seed(36)
port = 26436
subprocess.Popen(["prometheus-pushgateway", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error", "--push.disable-consistency-check"])
time.sleep(2)
job = 0
c = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
def scrape():
    while True:
        time.sleep(60)
        try:
            s = http.client.HTTPConnection("127.0.0.1", port, timeout=60); s.request("GET", "/-/ready"); s.getresponse().read(); s.close()
        except OSError: pass
threading.Thread(target=scrape, daemon=True).start()
while True:
    job += 1
    text = "".join(f'job_step_seconds{{step="{i}",host="node{random.randrange(40)}"}} {random.random()}\n' for i in range(random.randrange(5, 60)))
    try:
        c.request("PUT", f"/metrics/job/batch/instance/pod-{job}", "# TYPE job_step_seconds gauge\n" + text); r = c.getresponse(); r.read()
        if r.status not in (200, 202): print(r.status, flush=True)
    except (OSError, http.client.HTTPException) as e: print(repr(e), flush=True); c.close(); time.sleep(1)
    time.sleep(random.expovariate(12))
