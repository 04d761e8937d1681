# trace: limit=192M seconds=300 kind=calm split=score needs=postgresql
# A PostgreSQL primary and its streaming standby in one unit; writes go to the one and reports are read from the other.
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
chown postgres .
run() { setpriv --reuid=postgres --regid=postgres --clear-groups env HOME="$PWD" "$@"; }
run mkdir a b
run "$bin/initdb" -D one > /dev/null
run "$bin/postgres" -D one -c listen_addresses= -c unix_socket_directories="$PWD/a" -c shared_buffers=32MB -c wal_keep_size=64MB -c log_checkpoints=off &
until run "$bin/pgbench" -h "$PWD/a" -qis 3 postgres > /dev/null 2>&1; do sleep 0.5; done
run "$bin/pg_basebackup" -h "$PWD/a" -D two -R -c fast
run "$bin/postgres" -D two -c listen_addresses= -c unix_socket_directories="$PWD/b" -c shared_buffers=32MB -c hot_standby=on &
until run "$bin/psql" -qh "$PWD/b" postgres -c 'select 1' > /dev/null 2>&1; do sleep 0.5; done
run "$bin/pgbench" -h "$PWD/a" -n --client 2 --rate 15 --time 3600 postgres > /dev/null &
run "$bin/pgbench" -h "$PWD/b" -n -S --client 3 --rate 20 --time 3600 postgres > /dev/null &
while sleep 25; do run "$bin/psql" -qh "$PWD/b" postgres -c "select bid, sum(abalance), count(distinct filler) from pgbench_accounts group by bid" > /dev/null; done
