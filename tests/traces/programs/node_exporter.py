# trace: limit=32M seconds=300 kind=calm split=score needs=prometheus-node-exporter
# The node exporter, scraped by two servers each few seconds, and now and then by somebody by hand.
import random, subprocess, time, urllib.request
random.seed(33)
subprocess.Popen(["prometheus-node-exporter", "--web.listen-address=127.0.0.1:23190", "--log.level=error"])
time.sleep(2)
while True:
    for _ in range(2 if random.random() < 0.9 else 6):
        try: urllib.request.urlopen("http://127.0.0.1:23190/metrics").read()
        except OSError as error: print(error)
        time.sleep(0.2)
    time.sleep(2)
