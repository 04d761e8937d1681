# trace: limit=128M seconds=300 kind=calm split=score needs=sphinxsearch,python3-pymysql
# Sphinx: an index of 12000 documents is searched, and built anew and rotated each 75 s; new documents go into a real-time index.
cat > make.pl <<'PL'
srand($ARGV[0]); for my $n (1 .. 12000) { print "$n\t", join(" ", map { "word" . int(exp(rand 9)) } 1 .. 60), "\t", int(rand 1000), "\n" }
PL
cat > sphinx.conf <<CONF
source docs { 
 type = tsvpipe
 tsvpipe_command = perl $PWD/make.pl 1
 tsvpipe_field = body
 tsvpipe_attr_uint = price
}
index docs {
 source = docs
 path = $PWD/docs
 min_infix_len = 3
 dict = keywords
}
index live {
 type = rt
 path = $PWD/live
 rt_field = body
 rt_attr_uint = price
 rt_mem_limit = 16M
}
indexer { 
 mem_limit = 32M
}
searchd {
 listen = $PWD/sock:mysql41
 pid_file = $PWD/pid
 log = $PWD/log
 binlog_path = $PWD
 workers = threads
}
CONF
indexer --config sphinx.conf docs > /dev/null
searchd --nodetach --config sphinx.conf > /dev/null &
until [ -S sock ]; do sleep 0.2; done; sleep 1
(while sleep 75; do indexer --config sphinx.conf --rotate docs > /dev/null; done) &
/usr/bin/python3 - <<'PY'
import math, pymysql, random, time
r = random.Random(91); n = 0; word = lambda: "word%d" % math.exp(r.random() * 9)
c = pymysql.connect(unix_socket="sock", autocommit=True).cursor()
while True:
    c.execute("select id, weight() from docs, live where match('%s %s') order by price asc limit 50" % (word(), word() if r.random() < 0.5 else "word*")); c.fetchall()
    for _ in range(3):
        n += 1; c.execute("replace into live (id, body, price) values (%d, '%s', %d)" % (n % 20000 + 20000, " ".join(word() for _ in range(80)), r.randrange(1000)))
    time.sleep(r.expovariate(4))
PY
