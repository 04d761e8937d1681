# trace: limit=128M seconds=300 kind=calm split=score needs=php8.2-fpm,php-apcu,php8.2-opcache,php8.2-gd,nginx-light
# nginx and php-fpm (pm = dynamic, max_requests), APCu for options: pages, an API and thumbnails; traffic in waves.
import http.client, math, os, random, subprocess, threading, time
random.seed(13)
here, port = os.getcwd(), 26403
os.mkdir("site")
os.chmod(".", 0o755)
open("site/index.php", "w").write("""<?php $options = apcu_entry('options', function() { $o = []; for ($i = 0; $i < 4000; $i++) $o["option$i"] = str_repeat("v$i", 20); return $o; }, 20);
$page = 'page' . rand(1, 3000); $html = apcu_fetch($page); if (!$html) { $html = ''; foreach (array_rand($options, 150) as $k) $html .= "<tr><td>$k<td>{$options[$k]}"; apcu_store($page, $html, 120); } echo $html;""")
open("site/api.php", "w").write("""<?php $rows = []; $n = rand(500, 6000); for ($i = 0; $i < $n; $i++) $rows[] = ['id' => $i, 'hash' => md5($i), 'tags' => ['a', 'b', $i]]; $s = json_encode($rows); $back = json_decode($s, true); echo strlen($s), count($back);""")
open("site/thumb.php", "w").write("""<?php $i = imagecreatetruecolor(rand(800, 2000), 1200); imagefilledellipse($i, 300, 300, 500, 400, 0xff8800); $t = imagescale($i, 200); header('Content-Type: image/jpeg'); imagejpeg($t);""")
open("fpm.conf", "w").write(f"""[global]
error_log = {here}/fpm.log
daemonize = no
[www]
user = www-data
group = www-data
listen = {here}/fpm.sock
listen.owner = www-data
pm = dynamic
pm.max_children = 10
pm.start_servers = 2
pm.min_spare_servers = 1
pm.max_spare_servers = 3
pm.max_requests = 150
""")
open("nginx.conf", "w").write(f"""daemon off; user www-data; pid {here}/nginx.pid; error_log {here}/error.log;
events {{}}
http {{ access_log {here}/access.log; client_body_temp_path {here}/b; fastcgi_temp_path {here}/f; proxy_temp_path {here}/p; uwsgi_temp_path {here}/u; scgi_temp_path {here}/s;
server {{ listen 127.0.0.1:{port}; root {here}/site; location / {{ include /etc/nginx/fastcgi_params; fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name; fastcgi_pass unix:{here}/fpm.sock; }} }} }}
""")
subprocess.Popen(["php-fpm8.2", "-F", "-y", here + "/fpm.conf"])
subprocess.Popen(["nginx", "-c", here + "/nginx.conf"])
time.sleep(2)
start = time.time()
def visitor(number):
    choose = random.Random(number)
    while True:
        rate = 0.9 + 0.8 * math.sin((time.time() - start) / 25)
        time.sleep(choose.expovariate(rate))
        path = choose.choices(["/index.php", "/api.php", "/thumb.php"], [70, 20, 10])[0]
        try:
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            c.request("GET", path); r = c.getresponse(); r.read(); c.close()
            if r.status != 200: print(path, r.status, flush=True)
        except OSError as e: print(path, e, flush=True)
for n in range(8): threading.Thread(target=visitor, args=(n,), daemon=True).start()
time.sleep(10**6)
