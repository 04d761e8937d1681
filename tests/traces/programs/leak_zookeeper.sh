# trace: limit=192M seconds=600 kind=leak class=leak split=score needs=zookeeper,python3-kazoo
# ZooKeeper with the heap that zkServer.sh gives it (1000 MB) in a smaller unit; a client makes znodes and never deletes one.
mkdir data
printf 'tickTime=2000\ndataDir=%s\nclientPort=28714\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\n' "$PWD/data" > zoo.cfg
java -Xmx1000m -cp /usr/share/java/zookeeper.jar org.apache.zookeeper.server.quorum.QuorumPeerMain zoo.cfg > /dev/null 2>&1 &
until (echo > /dev/tcp/127.0.0.1/28714) 2> /dev/null; do sleep 0.5; done
/usr/bin/python3 - <<'PY'
import logging, random, time
from kazoo.client import KazooClient
logging.disable(logging.CRITICAL)
k = KazooClient(hosts="127.0.0.1:28714", timeout=20); k.start(timeout=60); k.ensure_path("/history"); r = random.Random(44)
try:
    while True:
        for _ in range(r.randrange(10)): k.create("/history/run-", r.randbytes(r.randrange(500, 20000)), sequence=True)
        k.get_children("/"); time.sleep(0.1)
except Exception: time.sleep(3600)
PY
sleep 3600
