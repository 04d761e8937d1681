# trace: limit=256M seconds=300 kind=calm split=tune needs=mariadb-server
# MariaDB for measurements: every 40 s a file is imported, then summed up by day, then what is oldest is deleted.
mkdir tmp; chown mysql . tmp; export TMPDIR="$PWD/tmp"
mariadb-install-db --no-defaults --user=mysql --datadir="$PWD/data" --skip-test-db --auth-root-authentication-method=normal > /dev/null
mariadbd --no-defaults --user=mysql --datadir="$PWD/data" --socket="$PWD/sock" --pid-file="$PWD/pid" --skip-networking --innodb-buffer-pool-size=64M --innodb-log-file-size=32M --local-infile=1 &
sql() { mariadb --no-defaults -u root -S sock --local-infile=1 -D db "$@"; }
until mariadb --no-defaults -u root -S sock -e "create database db" 2> /dev/null; do sleep 0.5; done
sql -e "create table measure (id bigint auto_increment primary key, batch int, device int, at int, value double, note varchar(80), key (batch), key (device, at))"
for batch in $(seq 10000); do
    perl -e 'my ($b, $n) = @ARGV; srand($b); for my $i (1 .. $n) { printf "%d\t%d\t%d\t%.4f\tnote of batch %d row %d\n", $b, rand 900, $b * 86400 + rand 86400, rand 1000, $b, $i }' $batch $((20000 + batch % 4 * 12000)) > batch.tsv
    sql -e "load data local infile 'batch.tsv' into table measure (batch, device, at, value, note)"
    sleep 6
    sql -e "select device, count(*), avg(value), max(value), group_concat(note order by value) from measure where batch > $batch - 3 group by device" > report.tsv
    sleep 8
    while [ "$(sql -NBe "delete from measure where batch <= $batch - 4 limit 5000; select row_count()")" -gt 0 ]; do sleep 0.5; done
    sleep 22
done
