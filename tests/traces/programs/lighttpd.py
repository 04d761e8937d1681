# trace: limit=128M seconds=900 kind=calm split=score needs=lighttpd,lighttpd-mod-deflate,php8.2-cgi
# lighttpd with two php-cgi children (restarted each 120 requests), small files, and downloads by slow clients.
import http.client, os, random, subprocess, threading, time
random.seed(14)
here, port = os.getcwd(), 26404
os.mkdir("site"); os.mkdir("uploads")
for i in range(400): open(f"site/{i}.css", "wb").write(random.randbytes(random.randrange(2_000, 60_000)))
for i in range(8): open(f"site/big{i}.bin", "wb").write(random.randbytes(6_000_000))
open("site/blog.php", "w").write("""<?php $posts = []; for ($i = 0; $i < 400; $i++) $posts[] = ['title' => "Post $i", 'text' => str_repeat("word $i ", rand(50, 600))];
usort($posts, fn($a, $b) => strlen($a['text']) <=> strlen($b['text'])); foreach (array_slice($posts, 0, 40) as $p) echo '<h2>', $p['title'], '</h2>', nl2br($p['text']);""")
open("site/upload.php", "w").write("<?php $text = file_get_contents('php://input'); echo strlen($text), sha1($text);")
open("lighttpd.conf", "w").write(f"""
server.modules = ("mod_access", "mod_accesslog", "mod_fastcgi", "mod_expire", "mod_deflate")
server.document-root = "{here}/site"
server.port = {port}
server.bind = "127.0.0.1"
server.errorlog = "{here}/error.log"
server.upload-dirs = ("{here}/uploads")
accesslog.filename = "{here}/access.log"
mimetype.assign = (".css" => "text/css", "" => "application/octet-stream")
deflate.mimetypes = ("text/html")
deflate.allowed-encodings = ("gzip")
fastcgi.server = (".php" => (("bin-path" => "/usr/bin/php-cgi8.2", "socket" => "{here}/php.sock", "max-procs" => 1,
  "bin-environment" => ("PHP_FCGI_CHILDREN" => "2", "PHP_FCGI_MAX_REQUESTS" => "120"))))
""")
subprocess.Popen(["lighttpd", "-D", "-f", "lighttpd.conf"])
time.sleep(2)
def visitor(number):
    choose = random.Random(number)
    while True:
        time.sleep(choose.expovariate(0.7))
        kind = choose.random()
        try:
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            if kind < 0.7: c.request("GET", f"/{choose.randrange(400)}.css")
            elif kind < 0.95: c.request("GET", "/blog.php", headers={"Accept-Encoding": "gzip"})
            elif kind < 0.97: c.request("POST", "/upload.php", b"u" * choose.randrange(200_000, 4_000_000))
            else: c.request("GET", f"/big{choose.randrange(8)}.bin")
            r = c.getresponse()
            while r.read(65536): time.sleep(0.02)
            c.close()
            if r.status != 200: print(kind, r.status, flush=True)
        except (OSError, http.client.HTTPException) as e: print(kind, repr(e), flush=True)
for n in range(10): threading.Thread(target=visitor, args=(n,), daemon=True).start()
time.sleep(10**6)
