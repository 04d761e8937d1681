# trace: limit=64M seconds=300 kind=calm split=tune needs=postgresql,python3-psycopg2
# PostgreSQL as a job queue (skip locked, listen and notify): rows come and are deleted, autovacuum follows, workers are replaced.
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
chown postgres .
run() { setpriv --reuid=postgres --regid=postgres --clear-groups env HOME="$PWD" "$@"; }
run "$bin/initdb" -D data > /dev/null
run "$bin/postgres" -D data -c listen_addresses= -c unix_socket_directories="$PWD" -c shared_buffers=24MB -c autovacuum_naptime=15s -c checkpoint_timeout=60s -c log_checkpoints=off &
until run "$bin/psql" -qh "$PWD" postgres -c 'select 1' > /dev/null 2>&1; do sleep 0.5; done
run "$bin/psql" -qh "$PWD" postgres -c "create table job (id bigserial primary key, due timestamptz default now(), body jsonb); create table done (id bigint, at timestamptz default now(), result jsonb)"
run /usr/bin/python3 - <<'PY'
import json, os, psycopg2, random, select, threading, time
def connect(): db = psycopg2.connect(host=os.getcwd(), dbname="postgres"); db.autocommit = True; return db, db.cursor()
def worker(seed):
    r = random.Random(seed)
    while True:
        db, c = connect(); c.execute("listen job")
        for _ in range(r.randrange(100, 500)):
            c.execute("with j as (delete from job where id = (select id from job where due <= now() order by id for update skip locked limit 1) returning id, body) insert into done select id, now(), body - 'text' from j returning id")
            if not c.fetchone(): select.select([db], [], [], 2); db.poll(); db.notifies.clear()
            time.sleep(r.expovariate(12))
        db.close()
for n in range(4): threading.Thread(target=worker, args=(n,)).start()
db, c = connect(); r = random.Random(7); step = 0
while True:
    step += 1
    for _ in range(r.randrange(10) if step % 60 else 400): c.execute("insert into job (body) values (%s)", (json.dumps({"kind": r.randrange(9), "text": "t" * r.randrange(50, 4000)}),))
    c.execute("notify job")
    if step % 100 == 0: c.execute("delete from done where at < now() - interval '60 s'")
    time.sleep(0.6)
PY
