# trace: limit=96M seconds=300 kind=calm split=score needs=postgresql
# PostgreSQL under a light load that is backed up each 60 s, by turns with pg_dump and pg_basebackup; a view is refreshed in between.
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
chown postgres .
run() { setpriv --reuid=postgres --regid=postgres --clear-groups env HOME="$PWD" "$@"; }
run "$bin/initdb" -D data > /dev/null
run "$bin/postgres" -D data -c listen_addresses= -c unix_socket_directories="$PWD" -c shared_buffers=32MB -c log_checkpoints=off &
until run "$bin/pgbench" -h "$PWD" -qis 5 postgres > /dev/null 2>&1; do sleep 0.5; done
run "$bin/psql" -qh "$PWD" postgres -c "create materialized view branch as select bid, count(*), sum(abalance), max(aid) from pgbench_accounts group by bid"
run "$bin/pgbench" -h "$PWD" --client 2 --rate 8 --connect --time 3600 postgres > /dev/null &
while true; do
    sleep 30; run "$bin/psql" -qh "$PWD" postgres -c "refresh materialized view branch"
    sleep 30; run "$bin/pg_dump" -h "$PWD" -Fc -Z1 -f dump postgres
    sleep 30; run "$bin/psql" -qh "$PWD" postgres -c "vacuum analyze"
    sleep 30; run rm -rf base; run "$bin/pg_basebackup" -h "$PWD" -D base -c fast
done
