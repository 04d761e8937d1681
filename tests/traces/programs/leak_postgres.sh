# trace: limit=192M seconds=420 kind=leak class=leak split=score needs=postgresql
# A PostgreSQL session that prepares a statement for every request and never deallocates one.
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
chown postgres .
run() { setpriv --reuid=postgres --regid=postgres --clear-groups env HOME="$PWD" "$@"; }
run "$bin/initdb" -D data > /dev/null
run "$bin/postgres" -D data -c listen_addresses= -c unix_socket_directories="$PWD" -c shared_buffers=24MB &
until run "$bin/psql" -qh "$PWD" postgres -c 'select 1' > /dev/null 2>&1; do sleep 0.5; done
request=0
while true; do
    request=$((request + 1))
    echo "prepare request_$request as select c.relname, a.attname, t.typname from pg_class c join pg_attribute a
          on a.attrelid = c.oid join pg_type t on t.oid = a.atttypid where c.oid > \$1 and $request > 0 limit 3;
          execute request_$request(100);"
    sleep 0.15
done | run "$bin/psql" -qh "$PWD" postgres > /dev/null
sleep 3600
