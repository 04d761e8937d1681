# trace: limit=256M seconds=300 kind=calm class=steady,cache split=score needs=postgresql
# A database under load: shared buffers and page cache fill, and stay.
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
chown postgres .
run() { setpriv --reuid=postgres --regid=postgres --clear-groups env HOME="$PWD" "$@"; }
run "$bin/initdb" -D data > /dev/null
run "$bin/postgres" -D data -c listen_addresses= -c unix_socket_directories="$PWD" -c shared_buffers=48MB &
until run "$bin/pgbench" -h "$PWD" -qis 6 postgres > /dev/null 2>&1; do sleep 0.5; done
run "$bin/pgbench" -h "$PWD" --client 3 --rate 30 --time 3600 postgres > /dev/null
