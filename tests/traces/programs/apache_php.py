# trace: limit=128M seconds=300 kind=calm split=score needs=apache2,libapache2-mod-php8.2,php8.2-sqlite3,php8.2-opcache
# Apache (prefork) with mod_php as Debian sets it up: light and heavy pages, busy and quiet minutes, more or fewer children.
import http.client, os, random, subprocess, threading, time
random.seed(11)
here, port = os.getcwd(), 26401
os.mkdir("site")
os.chmod(".", 0o755)
open("site/index.php", "w").write("<?php echo '<h1>Welcome</h1>', date('c'), str_repeat('<p>text</p>', 300);")
open("site/list.php", "w").write("""<?php $db = new SQLite3('%s/shop.db', SQLITE3_OPEN_READONLY); $rows = [];
$found = $db->query('SELECT * FROM items WHERE id %% 7 = ' . rand(0, 6)); while ($row = $found->fetchArray(SQLITE3_ASSOC)) $rows[] = $row;
usort($rows, fn($a, $b) => $a['price'] <=> $b['price']); foreach (array_slice($rows, 0, 200) as $r) echo '<li>', htmlspecialchars($r['name']), $r['price'];""" % here)
open("site/export.php", "w").write("""<?php $db = new SQLite3('%s/shop.db', SQLITE3_OPEN_READONLY); $rows = [];
$found = $db->query('SELECT * FROM items'); while ($row = $found->fetchArray(SQLITE3_ASSOC)) $rows[] = $row; echo json_encode($rows);""" % here)
import sqlite3
db = sqlite3.connect("shop.db")
db.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, price REAL, text TEXT)")
db.executemany("INSERT INTO items (name, price, text) VALUES (?, ?, ?)", (("item %d" % i, random.random() * 100, "words " * 40) for i in range(9000)))
db.commit(); db.close()
modules = "mpm_prefork authz_core dir mime alias php".split()
conf = "".join("LoadModule %s_module /usr/lib/apache2/modules/%s.so\n" % (m, "libphp8.2" if m == "php" else "mod_" + m) for m in modules)
open("apache.conf", "w").write(conf + f"""
ServerRoot {here}
ServerName localhost
PidFile {here}/pid
ErrorLog {here}/error.log
LogFormat "%h %t \\"%r\\" %>s %b" common
CustomLog {here}/access.log common
Listen 127.0.0.1:{port}
User www-data
Group www-data
StartServers 5
MinSpareServers 5
MaxSpareServers 10
MaxRequestWorkers 16
MaxConnectionsPerChild 0
TypesConfig /etc/mime.types
DocumentRoot {here}/site
DirectoryIndex index.php
<FilesMatch \\.php$>
SetHandler application/x-httpd-php
</FilesMatch>
""")
subprocess.Popen(["apache2", "-D", "FOREGROUND", "-f", here + "/apache.conf"])
time.sleep(2)
busy = 1
def visitor(number):
    choose = random.Random(number)
    while True:
        time.sleep(choose.expovariate(1.2))
        if number >= busy: continue
        path = choose.choices(["/", "/list.php", "/export.php"], [60, 35, 5])[0]
        try:
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            c.request("GET", path); r = c.getresponse(); r.read(); c.close()
            if r.status != 200: print(path, r.status, flush=True)
        except OSError as e: print(path, e, flush=True)
for n in range(12): threading.Thread(target=visitor, args=(n,), daemon=True).start()
while True:
    busy = random.choice([2, 4, 6, 12])
    time.sleep(random.uniform(15, 40))
