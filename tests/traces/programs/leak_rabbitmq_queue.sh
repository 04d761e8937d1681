# trace: limit=160M seconds=600 kind=leak class=leak split=tune needs=rabbitmq-server,python3-pika
# RabbitMQ with a queue that nobody reads any more, and a high watermark set for a machine larger than this unit.
printf 'listeners.tcp.1 = 127.0.0.1:28728\nvm_memory_high_watermark.absolute = 2GB\nlog.console = true\nlog.console.level = warning\nlog.file = false\n' > rabbitmq.conf
export HOME="$PWD" RABBITMQ_MNESIA_BASE="$PWD/mnesia" RABBITMQ_LOG_BASE="$PWD/log" RABBITMQ_NODENAME=node28728@localhost RABBITMQ_CONFIG_FILE="$PWD/rabbitmq.conf" RABBITMQ_ENABLED_PLUGINS_FILE="$PWD/plugins"
export RABBITMQ_DIST_PORT=28729 ERL_EPMD_PORT=28730 ERL_EPMD_ADDRESS=127.0.0.1 RABBITMQ_CONF_ENV_FILE=/dev/null RABBITMQ_PID_FILE="$PWD/pid"
/usr/lib/rabbitmq/bin/rabbitmq-server &
until (echo > /dev/tcp/127.0.0.1/28728) 2> /dev/null; do sleep 0.5; done; sleep 2
/usr/bin/python3 - <<'PY'
import pika, random, time
c = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", 28728)); h = c.channel(); h.queue_declare("audit", durable=True); r = random.Random(8)
while True:
    for _ in range(r.randrange(7)): h.basic_publish("", "audit", r.randbytes(r.randrange(500, 16000)))
    c.process_data_events(0); time.sleep(0.1)
PY
sleep 3600
