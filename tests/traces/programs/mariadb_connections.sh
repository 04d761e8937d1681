# trace: limit=384M seconds=300 kind=calm split=score needs=mariadb-server,python3-pymysql
# MariaDB of a shop: connections come and go with the hour, reports use temporary tables and sort buffers, a dump each 90 s.
mkdir tmp; chown mysql . tmp; export TMPDIR="$PWD/tmp"
mariadb-install-db --no-defaults --user=mysql --datadir="$PWD/data" --skip-test-db --auth-root-authentication-method=normal > /dev/null
mariadbd --no-defaults --user=mysql --datadir="$PWD/data" --socket="$PWD/sock" --pid-file="$PWD/pid" --skip-networking --innodb-buffer-pool-size=128M --max-connections=100 --tmp-table-size=32M --max-heap-table-size=32M &
until mariadb --no-defaults -u root -S sock -e "select 1" > /dev/null 2>&1; do sleep 0.5; done
mariadb --no-defaults -u root -S sock -e "create database shop; use shop;
    create table customer (id int primary key, name varchar(60), town varchar(40));
    create table orders (id int auto_increment primary key, customer int, at int, total decimal(9, 2), body text, key (customer), key (at));
    insert into customer select seq, concat('customer ', seq), md5(seq % 400) from seq_1_to_20000;
    insert into orders (customer, at, total, body) select 1 + rand(2) * 19999, seq * 60, rand(3) * 300, repeat(md5(seq), 1 + seq % 12) from seq_1_to_150000;"
(while sleep 90; do mariadb-dump --no-defaults -u root -S sock --single-transaction --quick shop | gzip -1 > dump.gz; done) &
/usr/bin/python3 - <<'PY'
import math, pymysql, random, threading, time
random.seed(12); start = time.time()
def session(r):
    db = pymysql.connect(unix_socket="sock", user="root", database="shop", autocommit=True); c = db.cursor()
    for _ in range(r.randrange(5, 40)):
        who = r.randrange(1, 20001)
        c.execute("select * from customer join orders on orders.customer = customer.id where customer.id = %s order by at desc", who); c.fetchall()
        if r.random() < 0.3: c.execute("insert into orders (customer, at, total, body) values (%s, %s, %s, %s)", (who, int(time.time() * 30) % 2**31, r.random() * 300, "l" * r.randrange(400)))
        if r.random() < 0.02: c.execute("select town, name, sum(total) s, count(*) from customer join orders on orders.customer = customer.id where at > %s group by town, name order by s desc limit 50", r.randrange(8000000)); c.fetchall()
        time.sleep(r.expovariate(1.5))
    db.close()
while True:
    busy = 0.5 + 0.5 * math.sin((time.time() - start) / 100 * 2 * math.pi)
    threading.Thread(target=session, args=(random.Random(random.random()),)).start()
    time.sleep(random.expovariate(0.1 + 0.9 * busy))
PY
