# trace: limit=96M seconds=300 kind=calm split=score needs=graphite-carbon
# graphite's carbon-cache with a bounded cache; thirty hosts send metrics each ten seconds, whisper files are made and updated.
import os, random, socket, subprocess, time
random.seed(92)
home = os.getcwd()
os.makedirs("conf"); os.makedirs("storage/whisper")
open("conf/carbon.conf", "w").write(f'''[cache]
STORAGE_DIR = {home}/storage/
CONF_DIR = {home}/conf/
LOG_DIR = {home}/
PID_DIR = {home}/
LOCAL_DATA_DIR = {home}/storage/whisper/
MAX_CACHE_SIZE = 60000
MAX_UPDATES_PER_SECOND = 500
MAX_CREATES_PER_MINUTE = 300
LINE_RECEIVER_INTERFACE = 127.0.0.1
LINE_RECEIVER_PORT = 23340
PICKLE_RECEIVER_INTERFACE = 127.0.0.1
PICKLE_RECEIVER_PORT = 23341
CACHE_QUERY_INTERFACE = 127.0.0.1
CACHE_QUERY_PORT = 23342
LOG_UPDATES = False
LOG_CREATES = False
''')
open("conf/storage-schemas.conf", "w").write("[all]\npattern = .*\nretentions = 10s:6h,60s:7d\n")
subprocess.Popen(["carbon-cache", "--config=conf/carbon.conf", "--nodaemon", "start"], stdout=subprocess.DEVNULL)
while True:
    try: client = socket.create_connection(("127.0.0.1", 23340)); break
    except OSError: time.sleep(0.5)
hosts = 30
while True:
    now = int(time.time())
    for host in range(hosts):
        client.sendall("".join(f"servers.host{host}.metric.{name}.value {random.random() * 100:.3f} {now}\n" for name in range(60)).encode())
        time.sleep(10 / hosts)
