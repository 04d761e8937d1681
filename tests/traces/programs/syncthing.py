# trace: limit=256M seconds=900 kind=calm split=score needs=syncthing
# Two syncthings share a folder of some thousand files; somebody works in it, and a large upload comes now and then.
import os, random, re, subprocess, time
random.seed(81)
home = os.getcwd()
ids = []
for n in (1, 2):
    text = subprocess.run(["syncthing", "generate", f"--home={home}/h{n}", "--no-default-folder", "--skip-port-probing"], capture_output=True, text=True)
    ids.append(re.search(r'<device id="([A-Z0-9-]{63})"', open(f"h{n}/config.xml").read()).group(1))
def fill(count):
    for _ in range(count):
        folder = f"f1/d{random.randrange(60)}"
        os.makedirs(folder, exist_ok=True)
        open(f"{folder}/{random.randrange(200)}", "wb").write(os.urandom(random.randrange(100, 30000)))
for n in (1, 2): os.makedirs(f"f{n}/.stfolder")
fill(3000)
for n in (1, 2):
    devices = "".join(f'<device id="{ids[m - 1]}" name="d{m}"><address>tcp://127.0.0.1:2327{m}</address></device>' for m in (1, 2))
    members = "".join(f'<device id="{i}"></device>' for i in ids)
    open(f"h{n}/config.xml", "w").write(f'''<configuration version="35">
<folder id="work" label="work" path="{home}/f{n}" type="sendreceive" rescanIntervalS="40" fsWatcherEnabled="true" fsWatcherDelayS="5">{members}</folder>
{devices}
<gui enabled="false"><address>127.0.0.1:2327{n + 5}</address></gui>
<options><listenAddress>tcp://127.0.0.1:2327{n}</listenAddress><globalAnnounceEnabled>false</globalAnnounceEnabled><localAnnounceEnabled>false</localAnnounceEnabled>
<relaysEnabled>false</relaysEnabled><natEnabled>false</natEnabled><urAccepted>-1</urAccepted><autoUpgradeIntervalH>0</autoUpgradeIntervalH><crashReportingEnabled>false</crashReportingEnabled><startBrowser>false</startBrowser></options>
</configuration>''')
    subprocess.Popen(["syncthing", "serve", f"--home={home}/h{n}", "--no-browser", "--no-upgrade", "--no-restart"], stdout=open(f"log{n}", "w"),
                     env=dict(os.environ, HOME=home, STNOUPGRADE="1"))
while True:
    time.sleep(random.expovariate(0.4))
    fill(random.randrange(1, 10))
    if random.random() < 0.03:
        open(f"f1/film{random.randrange(5)}", "wb").write(os.urandom(20000000))
