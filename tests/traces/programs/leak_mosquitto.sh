# trace: limit=48M seconds=600 kind=leak class=leak split=tune needs=mosquitto,python3-paho-mqtt
# mosquitto without a bound of its queues (max_queued_messages 0): a client with a durable session went offline for good.
printf 'listener 28752 127.0.0.1\nallow_anonymous true\nuser root\npersistence false\nmax_queued_messages 0\nlog_type error\n' > mosquitto.conf
mosquitto -c mosquitto.conf &
until (echo > /dev/tcp/127.0.0.1/28752) 2> /dev/null; do sleep 0.5; done
/usr/bin/python3 - <<'PY'
import paho.mqtt.client as mqtt, random, time
r = random.Random(71)
archive = mqtt.Client("archive", clean_session=False); archive.connect("127.0.0.1", 28752); archive.loop_start(); archive.subscribe("plant/#", 1); time.sleep(20); archive.disconnect(); archive.loop_stop()
view = mqtt.Client("view"); view.connect("127.0.0.1", 28752); view.subscribe("plant/#", 0); view.loop_start()
c = mqtt.Client("plant"); c.connect("127.0.0.1", 28752); c.loop_start(); step = 0
while True:
    step += 1
    for _ in range(r.randrange(4)): c.publish("plant/%d/value" % r.randrange(50), r.randbytes(r.randrange(200, 9000)), 1)
    if step % 200 == 0:
        for _ in range(40): c.publish("plant/picture", r.randbytes(30000), 1); time.sleep(0.05)
    time.sleep(0.1)
PY
sleep 3600
