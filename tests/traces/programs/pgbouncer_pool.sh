# trace: limit=96M seconds=300 kind=calm split=score needs=postgresql,pgbouncer
# PostgreSQL behind pgbouncer: many clients that connect for each transaction, few servers, which go when they are idle.
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
chown postgres .
run() { setpriv --reuid=postgres --regid=postgres --clear-groups env HOME="$PWD" "$@"; }
run "$bin/initdb" -D data > /dev/null
run "$bin/postgres" -D data -c listen_addresses= -c unix_socket_directories="$PWD" -c shared_buffers=24MB -c log_checkpoints=off &
until run "$bin/pgbench" -h "$PWD" -qis 2 postgres > /dev/null 2>&1; do sleep 0.5; done
printf '[databases]\npostgres = host=%s\n[pgbouncer]\nlisten_addr =\nlisten_port = 28795\nunix_socket_dir = %s\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 8\nmax_client_conn = 200\nserver_idle_timeout = 15\nserver_lifetime = 60\nlog_connections = 0\nlog_disconnections = 0\n' "$PWD" "$PWD" > bouncer.ini
sed -i 's/^postgres = .*/& user=postgres/' bouncer.ini
run pgbouncer -q bouncer.ini &
sleep 1
while true; do
    run "$bin/pgbench" -h "$PWD" -p 28795 -n --client 30 --rate 12 --time 40 --connect postgres > /dev/null
    run "$bin/pgbench" -h "$PWD" -p 28795 -n --client 4 --rate 2 --time 30 postgres > /dev/null
done
