# trace: limit=128M seconds=600 kind=leak class=leak split=score needs=rsyslog
# rsyslog forwards to a host that takes the connection and never reads; its queue in memory may hold ten million lines.
import os, random, socket, subprocess, time
random.seed(42)
open("rsyslog.conf", "w").write(f'''
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="{os.getcwd()}/log" RateLimit.Interval="0")
global(workDirectory="{os.getcwd()}")
*.* action(type="omfwd" target="127.0.0.1" port="23211" protocol="tcp" action.resumeRetryCount="-1"
           queue.type="LinkedList" queue.size="10000000")
''')
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
server.bind(("127.0.0.1", 23211))
server.listen()
subprocess.Popen(["rsyslogd", "-n", "-f", os.path.abspath("rsyslog.conf"), "-i", os.path.abspath("pid")])
while not os.path.exists("log"): time.sleep(0.1)
client = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
client.connect("log")
number = 0
while True:
    for _ in range(2000 if random.random() < 0.01 else random.randrange(80)):
        number += 1
        client.send(b"<14>Nov 11 10:10:10 app[%d]: request %d: %s" % (number % 97, number, b"x" * random.randrange(200)))
    time.sleep(0.1)
