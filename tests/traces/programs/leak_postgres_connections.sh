# trace: limit=192M seconds=600 kind=leak class=leak split=score needs=postgresql,python3-psycopg2
# PostgreSQL and a client that opens a connection for each user's session and forgets to close it (max_connections is 400).
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
chown postgres .
run() { setpriv --reuid=postgres --regid=postgres --clear-groups env HOME="$PWD" "$@"; }
run "$bin/initdb" -D data > /dev/null
run "$bin/postgres" -D data -c listen_addresses= -c unix_socket_directories="$PWD" -c shared_buffers=32MB -c max_connections=400 -c log_checkpoints=off -c restart_after_crash=off &
until run "$bin/pgbench" -h "$PWD" -qis 2 postgres > /dev/null 2>&1; do sleep 0.5; done
run /usr/bin/python3 - <<'PY'
import os, psycopg2, random, time
r = random.Random(15); open_ = []
try:
    while True:
        db = psycopg2.connect(host=os.getcwd(), dbname="postgres"); db.autocommit = True
        if r.random() < 0.6: open_.append(db)
        for use in [db] + r.sample(open_, min(5, len(open_))):
            c = use.cursor()
            for _ in range(r.randrange(2, 10)):
                c.execute("select * from pgbench_accounts join pgbench_branches using (bid) where aid = %s", (r.randrange(1, 200000),)); c.fetchall()
            c.execute("update pgbench_accounts set abalance = abalance + 1 where aid = %s", (r.randrange(1, 200000),))
            c.execute("select relname, attname from pg_class join pg_attribute on attrelid = pg_class.oid where relname = %s", ("pgbench_tellers",)); c.fetchall()
        time.sleep(r.expovariate(0.4))
except psycopg2.Error: time.sleep(3600)
PY
