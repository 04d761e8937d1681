# trace: limit=128M seconds=300 kind=calm split=score needs=postgresql
# PostgreSQL as a small warehouse: loads, then phases of heavy queries (hash joins, aggregates, sorts, an index), then quiet.
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
chown postgres .
run() { setpriv --reuid=postgres --regid=postgres --clear-groups env HOME="$PWD" "$@"; }
run "$bin/initdb" -D data > /dev/null
run "$bin/postgres" -D data -c listen_addresses= -c unix_socket_directories="$PWD" -c shared_buffers=48MB -c work_mem=24MB -c maintenance_work_mem=32MB &
sql() { run "$bin/psql" -qAth "$PWD" postgres -c "$1" > /dev/null; }
until sql 'select 1' 2> /dev/null; do sleep 0.5; done
sql "create table item (id int, kind int, name text); create table sale (item int, shop int, day int, price int);
     insert into item select i, i % 50, 'item ' || md5(i::text) from generate_series(1, 60000) i"
for day in $(seq 10000); do
    sql "insert into sale select 1 + (random() * 59999)::int, (random() * 200)::int, $day, random() * 1000 from generate_series(1, 60000)"
    sql "delete from sale where day < $day - 6"
    sleep 12
    for query in 1 2 3; do
        sql "select name, sum(price), count(distinct shop) from sale join item on id = item group by name order by 2 desc limit 20"; sleep 3
        sql "select shop, kind, day, avg(price), rank() over (partition by kind order by avg(price)) from sale join item on id = item group by 1, 2, 3 limit 30"; sleep 3
    done
    [ $((day % 3)) = 0 ] && { sql "drop index if exists sale_item"; sql "create index sale_item on sale (item, day)"; sql "vacuum analyze sale"; }
    sleep 16
done
