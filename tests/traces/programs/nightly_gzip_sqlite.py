# trace: limit=24M seconds=300 kind=calm split=score needs=gzip,tar
# A daemon writes into a small SQLite database; each minute it is copied, gzipped, and the oldest rows are deleted (vacuum).
import os, random, sqlite3, subprocess, time
random.seed(85)
database = sqlite3.connect("events.db")
database.execute("create table event (id integer primary key, at real, host text, text text)")
database.execute("create index by_host on event (host, at)")
last, backup = time.time(), 0
while True:
    with database:
        for _ in range(random.randrange(60)):
            database.execute("insert into event (at, host, text) values (?, ?, ?)", (time.time(), f"host{random.randrange(50)}", "%x" % random.getrandbits(random.randrange(100, 4000))))
    if random.random() < 0.2:
        database.execute("select host, count(*), max(length(text)) from event group by host").fetchall()
    time.sleep(0.2)
    if time.time() > last + 60:
        copy = sqlite3.connect("copy.db")
        database.backup(copy)
        copy.close()
        subprocess.run(f"tar -czf backup{backup % 4}.tar.gz copy.db", shell=True)
        with database: database.execute("delete from event where at < ?", (time.time() - 120,))
        database.execute("vacuum")
        last, backup = time.time(), backup + 1
