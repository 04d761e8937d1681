# trace: limit=192M seconds=300 kind=calm split=score needs=postgresql,python3-psycopg2
# PostgreSQL whose clients come and go, each a process that grows by the catalogue it has read and by sorts in work_mem.
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
chown postgres .
run() { setpriv --reuid=postgres --regid=postgres --clear-groups env HOME="$PWD" "$@"; }
run "$bin/initdb" -D data > /dev/null
run "$bin/postgres" -D data -c listen_addresses= -c unix_socket_directories="$PWD" -c shared_buffers=32MB -c work_mem=8MB -c log_checkpoints=off &
until run "$bin/psql" -qh "$PWD" postgres -c 'select 1' > /dev/null 2>&1; do sleep 0.5; done
run "$bin/psql" -qh "$PWD" postgres -c "create table event (id serial primary key, who int, at int, what text);
    insert into event (who, at, what) select (i * 7919::bigint) % 3000, i, repeat(md5(i::text), 2) from generate_series(1, 120000) i; create index on event (who); analyze event"
run /usr/bin/python3 - <<'PY'
import psycopg2, random, os, threading, time
random.seed(5)
def client(r):
    db = psycopg2.connect(host=os.getcwd(), dbname="postgres"); db.autocommit = True; c = db.cursor()
    for _ in range(r.randrange(4, 50)):
        if r.random() < 0.12:
            first = r.randrange(70000)
            c.execute("select * from (select * from event where id between %s and %s order by what, at offset 100) e limit 20", (first, first + r.randrange(5000, 50000))); c.fetchall()
        else:
            c.execute("select * from event where who = %s order by at desc limit 30", (r.randrange(3000),)); c.fetchall()
            c.execute("insert into event (who, at, what) values (%s, %s, %s)", (r.randrange(3000), r.randrange(10**6), "w" * r.randrange(200)))
        time.sleep(r.expovariate(1.3))
    db.close()
while True:
    if threading.active_count() < 22: threading.Thread(target=client, args=(random.Random(random.random()),)).start()
    if random.random() < 0.03: [threading.Thread(target=client, args=(random.Random(random.random()),)).start() for _ in range(6)]
    time.sleep(random.expovariate(0.5))
PY
