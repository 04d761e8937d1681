# trace: limit=384M seconds=300 kind=calm split=score needs=mariadb-server,python3-pymysql
# MariaDB that is restarted each 110 s (an update, a changed setting): its buffer pool is empty, is loaded again, and fills with use.
mkdir tmp; chown mysql . tmp; export TMPDIR="$PWD/tmp"
mariadb-install-db --no-defaults --user=mysql --datadir="$PWD/data" --skip-test-db --auth-root-authentication-method=normal > /dev/null
server() { mariadbd --no-defaults --user=mysql --datadir="$PWD/data" --socket="$PWD/sock" --pid-file="$PWD/pid" --skip-networking --innodb-buffer-pool-size=80M --innodb-log-file-size=24M &
    server=$!; until mariadb --no-defaults -u root -S sock -e "select 1" > /dev/null 2>&1; do sleep 0.5; done; }
server
mariadb --no-defaults -u root -S sock -e "create database wiki; use wiki; create table page (id int primary key, changed int, title varchar(90), text mediumtext, key (changed), key (title));
    insert into page select seq, seq * 7919 % 90000, concat('page ', md5(seq)), repeat(md5(seq), 1 + seq % 60) from seq_1_to_60000;"
/usr/bin/python3 - <<'PY' &
import pymysql, random, threading, time
def visitor(seed):
    r = random.Random(seed)
    while True:
        try:
            c = pymysql.connect(unix_socket="sock", user="root", database="wiki", autocommit=True).cursor()
            while True:
                c.execute("select * from page where id = %s", min(59999, int(r.paretovariate(0.2) * 20))); c.fetchall()
                if r.random() < 0.1: c.execute("update page set changed = %s, text = concat(text, 'and more ') where id = %s", (int(time.time()) % 10**6, r.randrange(60000)))
                if r.random() < 0.05: c.execute("select id, title from page where changed between %s and %s + 400 order by title", (r.randrange(90000),) * 2); c.fetchall()
                time.sleep(r.expovariate(4))
        except pymysql.err.MySQLError: time.sleep(1)
for n in range(4): threading.Thread(target=visitor, args=(n,)).start()
PY
while sleep 110; do mariadb-admin --no-defaults -u root -S sock shutdown; wait $server; server; done
