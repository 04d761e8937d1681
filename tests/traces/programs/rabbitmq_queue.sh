# trace: limit=384M seconds=300 kind=calm split=tune needs=rabbitmq-server,python3-pika
# RabbitMQ: a durable queue with a steady producer, a burst each 50 s, and two consumers that need a while to catch up.
printf 'listeners.tcp.1 = 127.0.0.1:28720\nvm_memory_high_watermark.absolute = 200MB\nlog.console = true\nlog.console.level = warning\nlog.file = false\n' > rabbitmq.conf
export HOME="$PWD" RABBITMQ_MNESIA_BASE="$PWD/mnesia" RABBITMQ_LOG_BASE="$PWD/log" RABBITMQ_NODENAME=node28720@localhost RABBITMQ_CONFIG_FILE="$PWD/rabbitmq.conf" RABBITMQ_ENABLED_PLUGINS_FILE="$PWD/plugins"
export RABBITMQ_DIST_PORT=28721 ERL_EPMD_PORT=28722 ERL_EPMD_ADDRESS=127.0.0.1 RABBITMQ_CONF_ENV_FILE=/dev/null RABBITMQ_PID_FILE="$PWD/pid"
/usr/lib/rabbitmq/bin/rabbitmq-server &
until (echo > /dev/tcp/127.0.0.1/28720) 2> /dev/null; do sleep 0.5; done; sleep 2
/usr/bin/python3 - <<'PY'
import pika, random, threading, time
where = pika.ConnectionParameters("127.0.0.1", 28720)
def consumer(seed):
    r = random.Random(seed); c = pika.BlockingConnection(where).channel(); c.queue_declare("orders", durable=True); c.basic_qos(prefetch_count=50)
    def work(channel, method, properties, body):
        time.sleep(r.expovariate(40)); channel.basic_ack(method.delivery_tag)
    c.basic_consume("orders", work); c.start_consuming()
for n in range(2): threading.Thread(target=consumer, args=(n,)).start()
c = pika.BlockingConnection(where); h = c.channel(); h.queue_declare("orders", durable=True); r = random.Random(8); step = 0
send = lambda: h.basic_publish("", "orders", r.randbytes(r.randrange(300, 12000)), pika.BasicProperties(delivery_mode=2))
while True:
    step += 1
    for _ in range(r.randrange(5)): send()
    if step % 250 == 0:
        for _ in range(r.randrange(900, 2500)): send()
    c.process_data_events(0); time.sleep(0.2)
PY
