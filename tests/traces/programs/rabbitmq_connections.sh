# trace: limit=256M seconds=300 kind=calm split=tune needs=rabbitmq-server,python3-pika
# RabbitMQ with many short connections: each declares a queue of its own that goes with it, takes part in a fanout, and leaves.
printf 'listeners.tcp.1 = 127.0.0.1:28724\nvm_memory_high_watermark.absolute = 200MB\nlog.console = true\nlog.console.level = warning\nlog.file = false\n' > rabbitmq.conf
export HOME="$PWD" RABBITMQ_MNESIA_BASE="$PWD/mnesia" RABBITMQ_LOG_BASE="$PWD/log" RABBITMQ_NODENAME=node28724@localhost RABBITMQ_CONFIG_FILE="$PWD/rabbitmq.conf" RABBITMQ_ENABLED_PLUGINS_FILE="$PWD/plugins"
export RABBITMQ_DIST_PORT=28725 ERL_EPMD_PORT=28726 ERL_EPMD_ADDRESS=127.0.0.1 RABBITMQ_CONF_ENV_FILE=/dev/null RABBITMQ_PID_FILE="$PWD/pid"
/usr/lib/rabbitmq/bin/rabbitmq-server &
until (echo > /dev/tcp/127.0.0.1/28724) 2> /dev/null; do sleep 0.5; done; sleep 2
/usr/bin/python3 - <<'PY'
import math, pika, random, threading, time
where = pika.ConnectionParameters("127.0.0.1", 28724); start = time.time()
def visitor(r):
    c = pika.BlockingConnection(where); h = c.channel(); h.exchange_declare("news", "fanout")
    queue = h.queue_declare("", exclusive=True).method.queue; h.queue_bind(queue, "news")
    for _ in range(r.randrange(8, 60)):
        while h.basic_get(queue, auto_ack=True)[0]: pass
        h.basic_publish("news", "", r.randbytes(r.randrange(100, 5000))) if r.random() < 0.2 else c.process_data_events(0)
        time.sleep(r.expovariate(1))
    c.close()
r = random.Random(4)
while True:
    busy = 0.5 - 0.5 * math.cos((time.time() - start) / 130 * 2 * math.pi)
    if threading.active_count() < 50: threading.Thread(target=visitor, args=(random.Random(r.random()),)).start()
    time.sleep(r.expovariate(0.15 + 1.0 * busy))
PY
