# trace: limit=256M seconds=300 kind=calm split=score needs=zookeeper,python3-kazoo
# ZooKeeper: clients with sessions of their own hold locks and ephemeral znodes and go; configuration is read and watched.
mkdir data
printf 'tickTime=2000\ndataDir=%s\nclientPort=28710\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\nmaxClientCnxns=200\nautopurge.purgeInterval=1\nsnapCount=4000\n' "$PWD/data" > zoo.cfg
java -Xmx128m -cp /usr/share/java/zookeeper.jar org.apache.zookeeper.server.quorum.QuorumPeerMain zoo.cfg > /dev/null 2>&1 &
until (echo > /dev/tcp/127.0.0.1/28710) 2> /dev/null; do sleep 0.5; done
/usr/bin/python3 - <<'PY'
import logging, random, threading, time
from kazoo.client import KazooClient
logging.basicConfig(level=logging.ERROR)
def connect():
    k = KazooClient(hosts="127.0.0.1:28710", timeout=10); k.start(timeout=60); return k
def member(r):
    k = connect(); me = k.create("/members/m-", b"m" * r.randrange(100, 3000), ephemeral=True, sequence=True, makepath=True)
    changed = threading.Event()
    for _ in range(r.randrange(5, 60)):
        k.get("/config/%d" % r.randrange(300), watch=lambda event: changed.set())
        if r.random() < 0.3: k.get_children("/members")
        if r.random() < 0.4: k.set(me, b"m" * r.randrange(100, 3000))
        if r.random() < 0.1:
            lock = k.create("/members/lock-", b"", ephemeral=True, sequence=True); time.sleep(0.2); k.delete(lock)
        time.sleep(r.expovariate(1.5))
    k.stop(); k.close()
boss = connect(); r = random.Random(6); boss.ensure_path("/jobs")
for n in range(300): boss.create("/config/%d" % n, b"c" * r.randrange(50, 5000), makepath=True)
jobs = []
while True:
    if threading.active_count() < 45: threading.Thread(target=member, args=(random.Random(r.random()),)).start()
    boss.set("/config/%d" % r.randrange(300), b"c" * r.randrange(50, 5000))
    for _ in range(r.randrange(8)): jobs.append(boss.create("/jobs/job-", b"j" * r.randrange(8000), sequence=True))
    while len(jobs) > 1500 or jobs and r.random() < 0.7: boss.delete(jobs.pop(0))
    time.sleep(1)
PY
