# trace: limit=384M seconds=300 kind=calm split=score needs=mariadb-server,python3-pymysql
# MariaDB under an OLTP mix as of sysbench: point reads, ranges, sorts, updates, a delete and an insert; four connections.
mkdir tmp; chown mysql . tmp; export TMPDIR="$PWD/tmp"
mariadb-install-db --no-defaults --user=mysql --datadir="$PWD/data" --skip-test-db --auth-root-authentication-method=normal > /dev/null
mariadbd --no-defaults --user=mysql --datadir="$PWD/data" --socket="$PWD/sock" --pid-file="$PWD/pid" --skip-networking --innodb-buffer-pool-size=96M --innodb-log-file-size=48M &
until mariadb --no-defaults -u root -S sock -e "select 1" > /dev/null 2>&1; do sleep 0.5; done
mariadb --no-defaults -u root -S sock -e "create database sb; use sb; create table sbtest (id int not null auto_increment primary key, k int not null,
    c char(120) not null, pad char(60) not null, key k (k)) engine=innodb;
    insert into sbtest (k, c, pad) select rand(4) * 300000, repeat(md5(seq), 3), md5(seq + 1) from sb.seq_1_to_300000;"
/usr/bin/python3 - <<'PY'
import pymysql, random, threading, time
def client(number):
    r = random.Random(number)
    db = pymysql.connect(unix_socket="sock", user="root", database="sb", autocommit=False); c = db.cursor()
    key = lambda: min(299999, int(r.paretovariate(0.3) * 10) % 300000 + 1)
    while True:
        for _ in range(8): c.execute("select c from sbtest where id = %s", key())
        at = r.randrange(1, 299900)
        c.execute("select c from sbtest where id between %s and %s", (at, at + 99)); c.fetchall()
        c.execute("select sum(k) from sbtest where id between %s and %s", (at, at + 99))
        c.execute("select distinct c from sbtest where id between %s and %s order by c", (at, at + 99)); c.fetchall()
        try:
            c.execute("update sbtest set k = k + 1 where id = %s", key())
            c.execute("update sbtest set c = %s where id = %s", ("%d" % r.getrandbits(300), key()))
            at = r.randrange(1, 300000)
            c.execute("delete from sbtest where id = %s", at)
            c.execute("insert ignore into sbtest values (%s, %s, %s, %s)", (at, r.randrange(300000), "%d" % r.getrandbits(300), "pad"))
            db.commit()
        except pymysql.err.MySQLError: db.rollback()
        time.sleep(r.expovariate(1.2))
for n in range(4): threading.Thread(target=client, args=(n,)).start()
PY
