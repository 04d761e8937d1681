# trace: limit=192M seconds=600 kind=leak class=leak split=tune needs=rabbitmq-server,python3-pika
# RabbitMQ and a consumer without a bound of prefetch that takes every message and forgets to acknowledge (watermark too high).
printf 'listeners.tcp.1 = 127.0.0.1:28732\nvm_memory_high_watermark.absolute = 1GB\nlog.console = true\nlog.console.level = warning\nlog.file = false\nconsumer_timeout = 3600000\n' > rabbitmq.conf
export HOME="$PWD" RABBITMQ_MNESIA_BASE="$PWD/mnesia" RABBITMQ_LOG_BASE="$PWD/log" RABBITMQ_NODENAME=node28732@localhost RABBITMQ_CONFIG_FILE="$PWD/rabbitmq.conf" RABBITMQ_ENABLED_PLUGINS_FILE="$PWD/plugins"
export RABBITMQ_DIST_PORT=28733 ERL_EPMD_PORT=28734 ERL_EPMD_ADDRESS=127.0.0.1 RABBITMQ_CONF_ENV_FILE=/dev/null RABBITMQ_PID_FILE="$PWD/pid"
/usr/lib/rabbitmq/bin/rabbitmq-server &
until (echo > /dev/tcp/127.0.0.1/28732) 2> /dev/null; do sleep 0.5; done; sleep 2
/usr/bin/python3 - <<'PY'
import pika, random, threading, time
where = pika.ConnectionParameters("127.0.0.1", 28732)
def consumer():
    c = pika.BlockingConnection(where).channel(); c.queue_declare("mail"); c.basic_consume("mail", lambda channel, method, properties, body: None)
    try: c.start_consuming()
    except Exception: pass
threading.Thread(target=consumer).start()
c = pika.BlockingConnection(where); h = c.channel(); h.queue_declare("mail"); r = random.Random(9)
while True:
    for _ in range(r.randrange(10)): h.basic_publish("", "mail", r.randbytes(r.randrange(300, 14000)))
    c.process_data_events(0); time.sleep(0.1)
PY
sleep 3600
