# trace: limit=32M seconds=300 kind=calm split=score needs=collectd-core,librrd8
# collectd: the usual plugins each second, statsd counters of an application, all into RRD files with a write cache.
import os, random, socket, subprocess, time
random.seed(43)
open("collectd.conf", "w").write(f'''
Hostname "host"
FQDNLookup false
BaseDir "{os.getcwd()}"
PIDFile "{os.getcwd()}/pid"
TypesDB "/usr/share/collectd/types.db"
Interval 1
''' + "".join(f"LoadPlugin {p}\n" for p in "cpu memory load df disk interface processes swap uptime users vmem contextswitch entropy irq tcpconns statsd rrdtool".split()) + f'''
<Plugin statsd>
  Host "127.0.0.1"
  Port "23220"
  TimerPercentile 90.0
</Plugin>
<Plugin rrdtool>
  DataDir "{os.getcwd()}/rrd"
  CacheTimeout 60
  CacheFlush 120
  WritesPerSecond 30
</Plugin>
''')
subprocess.Popen(["collectd", "-f", "-C", os.path.abspath("collectd.conf")])
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    for _ in range(random.randrange(10)):
        name = random.choice(("pay", "cart", "search", "login")) + str(random.randrange(12))
        client.sendto(b"shop.%s.hits:1|c\nshop.%s.ms:%d|ms" % (name.encode(), name.encode(), random.randrange(500)), ("127.0.0.1", 23220))
    time.sleep(0.1)
