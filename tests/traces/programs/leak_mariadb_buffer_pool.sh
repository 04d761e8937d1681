# trace: limit=256M seconds=600 kind=leak class=leak split=score needs=mariadb-server,python3-pymysql
# MariaDB with a buffer pool of 512M in a unit of less: the pool fills as one customer's table after another is read.
mkdir tmp; chown mysql . tmp; export TMPDIR="$PWD/tmp"
mariadb-install-db --no-defaults --user=mysql --datadir="$PWD/data" --skip-test-db --auth-root-authentication-method=normal > /dev/null
server() { mariadbd --no-defaults --user=mysql --datadir="$PWD/data" --socket="$PWD/sock" --pid-file="$PWD/pid" --skip-networking --innodb-log-file-size=32M "$@" & 
    until mariadb --no-defaults -u root -S sock -e "select 1" > /dev/null 2>&1; do sleep 0.5; done; }
server --innodb-buffer-pool-size=16M
mariadb --no-defaults -u root -S sock -e "create database db"
for n in $(seq 30); do echo "create table db.customer_$n (id int primary key, at int, text varchar(400), key (at)) engine=innodb; insert into db.customer_$n select seq, seq * 7919 % 100000, repeat(md5(seq), 1 + seq % 9) from seq_1_to_40000;"; done | mariadb --no-defaults -u root -S sock -D db
mariadb-admin --no-defaults -u root -S sock shutdown; wait
server --innodb-buffer-pool-size=512M
/usr/bin/python3 - <<'PY'
import pymysql, random, time
random.seed(2)
db = pymysql.connect(unix_socket="sock", user="root", database="db", autocommit=True); c = db.cursor()
step = 0
while True:
    table = "customer_%d" % (1 + step // 400 % 30); step += 1
    if step % 400 == 200: c.execute("select count(*), avg(length(text)), max(at) from %s where text not like '%%0f%%'" % table); c.fetchall()
    at = random.randrange(100000)
    c.execute("select * from %s where at between %d and %d" % (table, at, at + 60)); c.fetchall()
    c.execute("update %s set text = concat('u', substr(text, 2)) where id = %d" % (table, random.randrange(40000)))
    time.sleep(0.04)
PY
sleep 3600
