# trace: limit=24M seconds=300 kind=calm split=score needs=rsyslog
# rsyslog takes logs by a socket: steady lines, at times a burst; to files, and to a remote host that is away now and then (queue).
import os, random, socket, subprocess, threading, time
random.seed(41)
open("rsyslog.conf", "w").write(f'''
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="{os.getcwd()}/log" RateLimit.Interval="0" CreatePath="on")
global(workDirectory="{os.getcwd()}")
template(name="app" type="string" string="{os.getcwd()}/app-%programname%.log")
*.* action(type="omfile" file="{os.getcwd()}/all.log")
*.* action(type="omfile" dynaFile="app" dynaFileCacheSize="10")
*.* action(type="omfwd" target="127.0.0.1" port="23201" protocol="tcp" action.resumeRetryCount="-1" action.resumeInterval="5"
           queue.type="LinkedList" queue.size="20000" queue.timeoutEnqueue="0" queue.discardMark="19000" queue.discardSeverity="4")
''')
subprocess.Popen(["rsyslogd", "-n", "-f", os.path.abspath("rsyslog.conf"), "-i", os.path.abspath("pid")])
def remote():
    while True:
        server = socket.create_server(("127.0.0.1", 23201))
        connection, _ = server.accept()
        start = time.time()
        while time.time() < start + 60 and connection.recv(65536): pass
        connection.close(); server.close()
        time.sleep(random.randrange(10, 40))
threading.Thread(target=remote, daemon=True).start()
while not os.path.exists("log"): time.sleep(0.1)
client = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
client.connect("log")
number = 0
while True:
    for _ in range(3000 if random.random() < 0.004 else random.randrange(20)):
        number += 1
        client.send(b"<%d>Nov 11 10:10:10 app%d[%d]: request %d from 10.0.0.%d: %s" % (random.choice((14, 30, 38)), number % 14, number % 97, number, number % 250, b"x" * random.randrange(300)))
    if number % 40 == 0 and os.path.getsize("all.log") > 30e6: os.truncate("all.log", 0)
    time.sleep(0.1)
