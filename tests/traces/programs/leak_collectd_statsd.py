# trace: limit=64M seconds=600 kind=leak class=leak split=score needs=collectd-core,librrd8
# collectd takes statsd counters and timers of an application that puts a user's id into their names; none is ever forgotten.
import os, random, socket, subprocess, time
random.seed(45)
open("collectd.conf", "w").write(f'''
Hostname "host"
FQDNLookup false
BaseDir "{os.getcwd()}"
PIDFile "{os.getcwd()}/pid"
TypesDB "/usr/share/collectd/types.db"
Interval 10
LoadPlugin cpu
LoadPlugin memory
LoadPlugin statsd
LoadPlugin csv
<Plugin statsd>
  Host "127.0.0.1"
  Port "23520"
  TimerPercentile 90.0
</Plugin>
<Plugin csv>
  DataDir "{os.getcwd()}/csv"
</Plugin>
''')
subprocess.Popen(["collectd", "-f", "-C", os.path.abspath("collectd.conf")])
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    for _ in range(random.randrange(5)):
        user = random.randrange(10**6)
        client.sendto(b"shop.user%d.ms:%d|ms\nshop.user%d.hits:1|c" % (user, random.randrange(900), user), ("127.0.0.1", 23520))
    time.sleep(0.1)
