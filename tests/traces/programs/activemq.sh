# trace: limit=256M seconds=300 kind=calm split=score needs=activemq
# ActiveMQ (a JVM with 128 MB of heap) over STOMP: queues and topics, persistent messages in KahaDB, consumers that come and go.
mkdir conf data
cat > conf/activemq.xml <<XML
<beans xmlns="http://www.springframework.org/schema/beans" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://www.springframework.org/schema/beans http://www.springframework.org/schema/beans/spring-beans.xsd http://activemq.apache.org/schema/core http://activemq.apache.org/schema/core/activemq-core.xsd">
 <broker xmlns="http://activemq.apache.org/schema/core" brokerName="localhost" dataDirectory="$PWD/data" useJmx="false">
  <persistenceAdapter><kahaDB directory="$PWD/data/kahadb" journalMaxFileLength="8mb"/></persistenceAdapter>
  <systemUsage><systemUsage><memoryUsage><memoryUsage limit="60 mb"/></memoryUsage><storeUsage><storeUsage limit="1 gb"/></storeUsage><tempUsage><tempUsage limit="200 mb"/></tempUsage></systemUsage></systemUsage>
  <transportConnectors><transportConnector name="stomp" uri="stomp://127.0.0.1:28784"/></transportConnectors>
 </broker>
</beans>
XML
java -Xms32m -Xmx128m -Dactivemq.home=/usr/share/activemq -Dactivemq.base="$PWD" -Dactivemq.conf="$PWD/conf" -Dactivemq.data="$PWD/data" -Djava.io.tmpdir="$PWD" -jar /usr/share/activemq/bin/activemq.jar start "xbean:file:$PWD/conf/activemq.xml" > log 2>&1 &
until (echo > /dev/tcp/127.0.0.1/28784) 2> /dev/null; do sleep 0.5; done
python3 - <<'PY'
import random, socket, threading, time
def connect():
    s = socket.create_connection(("127.0.0.1", 28784)); f = s.makefile("rb")
    s.sendall(b"CONNECT\naccept-version:1.1\nhost:localhost\n\n\0"); frame(f); return s, f
def frame(f):
    text = b""
    while True:
        b = f.readline()
        if not b: raise OSError("closed")
        if b.strip(b"\n\0") or text: text += b
        if text and b in (b"\n", b"\r\n"): break
    head = dict(l.split(b":", 1) for l in text.split(b"\n") if b":" in l)
    f.read(int(head.get(b"content-length", b"0")) + 1); return head
def consumer(n):
    r = random.Random(n)
    while True:
        s, f = connect(); topic = n % 3 == 0; slow = r.choice((20, 60, 200)); left = r.randrange(100, 1500)
        s.sendall(b"SUBSCRIBE\nid:1\ndestination:/%s\nack:auto\nactivemq.prefetchSize:50\n\n\0" % (b"topic/news" if topic else b"queue/work%d" % (n % 4)))
        for _ in range(left): frame(f); time.sleep(r.expovariate(slow))
        s.close(); time.sleep(r.random() * 6)
for n in range(12): threading.Thread(target=consumer, args=(n,)).start()
s, f = connect(); r = random.Random(111); step = 0
while True:
    step += 1
    for _ in range(r.randrange(7) if step % 220 else 700):
        body = b"m" * r.randrange(100, 8000); where = b"topic/news" if r.random() < 0.15 else b"queue/work%d" % r.randrange(4)
        s.sendall(b"SEND\ndestination:/%s\npersistent:true\ncontent-length:%d\n\n%s\0" % (where, len(body), body))
    time.sleep(0.2)
PY
