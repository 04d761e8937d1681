# trace: limit=48M seconds=300 kind=calm split=score needs=mosquitto,python3-paho-mqtt
# mosquitto: sensors come and go, retained values, a dashboard that connects anew and gets all of them, the store saved each 30 s.
printf 'listener 28750 127.0.0.1\nallow_anonymous true\nuser root\npersistence true\npersistence_location %s/\nautosave_interval 30\nlog_type error\n' "$PWD" > mosquitto.conf
mosquitto -c mosquitto.conf &
until (echo > /dev/tcp/127.0.0.1/28750) 2> /dev/null; do sleep 0.5; done
/usr/bin/python3 - <<'PY'
import paho.mqtt.client as mqtt, random, threading, time
def sensor(n, r):
    while True:
        c = mqtt.Client("sensor-%d" % n, clean_session=r.random() < 0.7); c.will_set("home/%d/alive" % n, "no", 1, True); c.connect("127.0.0.1", 28750, 30); c.subscribe("command/%d/#" % n, 1); c.loop_start()
        for _ in range(r.randrange(5, 80)):
            c.publish("home/%d/%d" % (n, r.randrange(60)), r.randbytes(r.randrange(20, 3000)), r.randrange(2), retain=r.random() < 0.5); time.sleep(r.expovariate(0.8))
        c.disconnect(); c.loop_stop(); time.sleep(r.expovariate(0.1))
for n in range(25): threading.Thread(target=sensor, args=(n, random.Random(n))).start()
r = random.Random(99)
while True:
    c = mqtt.Client("dashboard"); c.connect("127.0.0.1", 28750); c.subscribe("home/#", 1); c.loop_start()
    for _ in range(r.randrange(10, 40)): c.publish("command/%d/set" % r.randrange(25), r.randbytes(200), 1); time.sleep(0.8)
    c.disconnect(); c.loop_stop(); time.sleep(4)
PY
