# trace: limit=96M seconds=300 kind=calm split=tune needs=php8.2-fpm,php8.2-sqlite3,nginx-light
# Shared hosting: three php-fpm pools (pm = ondemand, idle 10 s) for three small sites, visitors in short bursts, a cron page each minute.
import http.client, os, random, subprocess, threading, time
random.seed(52)
here, port = os.getcwd(), 26452
os.chmod(".", 0o755); os.mkdir("site"); os.chmod("site", 0o777)
open("site/index.php", "w").write("""<?php $db = new SQLite3(__DIR__ . "/{$_SERVER['SERVER_PORT']}.db"); $db->busyTimeout(5000); $db->exec('CREATE TABLE IF NOT EXISTS visits (at INTEGER, page TEXT)');
$db->exec("INSERT INTO visits VALUES (" . time() . ", '" . str_repeat('p', 200) . "')"); $menu = array_map(fn($i) => ['title' => "Entry $i", 'text' => str_repeat("lorem $i ", 60)], range(1, 800));
echo json_encode(array_slice($menu, 0, 30)), $db->querySingle('SELECT count(*) FROM visits');""")
open("site/cron.php", "w").write("""<?php $all = []; for ($i = 0; $i < 60000; $i++) $all[] = ['id' => $i, 'mail' => "user$i@example.org"]; usleep(1500000); echo count($all);""")
pools = "".join(f"""[site{i}]
user = www-data
group = www-data
listen = {here}/fpm{i}.sock
listen.owner = www-data
pm = ondemand
pm.max_children = 6
pm.process_idle_timeout = 10s
pm.max_requests = 500
""" for i in range(3))
open("fpm.conf", "w").write(f"[global]\nerror_log = {here}/fpm.log\ndaemonize = no\n" + pools)
servers = "".join(f"server {{ listen 127.0.0.1:{port + i}; root {here}/site; location / {{ include /etc/nginx/fastcgi_params; fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name; fastcgi_pass unix:{here}/fpm{i}.sock; }} }}\n" for i in range(3))
open("nginx.conf", "w").write(f"""daemon off; user www-data; pid {here}/nginx.pid; error_log {here}/error.log;
events {{}}
http {{ access_log {here}/access.log; client_body_temp_path {here}/b; fastcgi_temp_path {here}/f; proxy_temp_path {here}/p; uwsgi_temp_path {here}/u; scgi_temp_path {here}/s;
{servers} }}
""")
subprocess.Popen(["php-fpm8.2", "-F", "-y", here + "/fpm.conf"])
subprocess.Popen(["nginx", "-c", here + "/nginx.conf"])
time.sleep(2)
def ask(site, path):
    try:
        c = http.client.HTTPConnection("127.0.0.1", port + site, timeout=30)
        c.request("GET", path); r = c.getresponse(); r.read(); c.close()
        if r.status != 200: print(path, r.status, flush=True)
    except (OSError, http.client.HTTPException) as e: print(path, repr(e), flush=True)
def site(number):
    choose = random.Random(number)
    while True:
        for _ in range(choose.randrange(3, 60)):
            threading.Thread(target=ask, args=(number, "/index.php"), daemon=True).start(); time.sleep(choose.expovariate(8))
        time.sleep(choose.uniform(2, 30))
for n in range(3): threading.Thread(target=site, args=(n,), daemon=True).start()
while True:
    time.sleep(60)
    ask(0, "/cron.php")
