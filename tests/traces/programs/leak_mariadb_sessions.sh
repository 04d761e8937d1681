# trace: limit=192M seconds=600 kind=leak class=leak split=score needs=mariadb-server,python3-pymysql
# MariaDB and an application whose pool has no bound: each session keeps temporary tables in memory and is never closed.
mkdir tmp; chown mysql . tmp; export TMPDIR="$PWD/tmp"
mariadb-install-db --no-defaults --user=mysql --datadir="$PWD/data" --skip-test-db --auth-root-authentication-method=normal > /dev/null
mariadbd --no-defaults --user=mysql --datadir="$PWD/data" --socket="$PWD/sock" --pid-file="$PWD/pid" --skip-networking --innodb-buffer-pool-size=24M --innodb-log-file-size=16M --max-connections=500 &
until mariadb --no-defaults -u root -S sock -e "select 1" > /dev/null 2>&1; do sleep 0.5; done
mariadb --no-defaults -u root -S sock -e "create database db; create table db.item (id int primary key, name varchar(60), price int); use db; insert into item select seq, md5(seq), seq % 900 from seq_1_to_20000"
/usr/bin/python3 - <<'PY'
import pymysql, random, time
r = random.Random(16); pool = []
try:
    while True:
        if not pool or r.random() < 0.35:
            db = pymysql.connect(unix_socket="sock", user="root", database="db", autocommit=True); pool.append(db); c = db.cursor()
            c.execute("create temporary table cart (id int, name varchar(60), note varchar(200), key (id)) engine=memory")
            c.execute("insert into cart select id, name, 'n' from item where id between %s and %s + %s", (lambda a: (a, a, r.randrange(50, 1200)))(r.randrange(18000)))
        c = r.choice(pool).cursor(); c.execute("select count(*), sum(price) from cart join item using (id)"); c.fetchall()
        time.sleep(r.expovariate(2))
except pymysql.err.MySQLError: time.sleep(3600)
PY
