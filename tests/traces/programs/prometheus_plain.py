# trace: limit=96M seconds=300 kind=calm split=score needs=prometheus,prometheus-node-exporter
# Prometheus with its defaults (blocks of two hours) scrapes two node exporters and itself; alerts, a configuration reload each two minutes.
import signal, subprocess, time, urllib.request
for port in (23431, 23432):
    subprocess.Popen(["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"], stderr=subprocess.DEVNULL)
open("rules.yml", "w").write("""groups:
- name: all
  rules:
""" + "".join(f'  - {{alert: A{n}, expr: "rate(node_cpu_seconds_total[1m]) > {n}", for: 1m}}\n' for n in range(20)))
open("prometheus.yml", "w").write("""
global: {scrape_interval: 2s, evaluation_interval: 10s}
rule_files: [rules.yml]
scrape_configs:
  - job_name: all
    static_configs: [{targets: ["127.0.0.1:23430", "127.0.0.1:23431", "127.0.0.1:23432"]}]
""")
server = subprocess.Popen(["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address=127.0.0.1:23430", "--log.level=error"])
seconds = 0
while True:
    time.sleep(15)
    seconds += 15
    try: urllib.request.urlopen("http://127.0.0.1:23430/api/v1/query?query=sum(rate(node_cpu_seconds_total[1m]))by(mode)").read()
    except OSError as error: print(error)
    if seconds % 120 == 0: server.send_signal(signal.SIGHUP)
