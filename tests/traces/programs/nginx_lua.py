# trace: limit=96M seconds=300 kind=calm split=tune needs=nginx-light,libnginx-mod-http-lua
# nginx with Lua: pages are kept in a shared dictionary of 32 MiB, which fills and then forgets the oldest; a reload each 2 minutes.
import http.client, os, random, signal, subprocess, threading, time
random.seed(42)
here, port = os.getcwd(), 26444
os.chmod(".", 0o755)
open("nginx.conf", "w").write(f"""load_module modules/ndk_http_module.so; load_module modules/ngx_http_lua_module.so;
daemon off; user www-data; worker_processes 2; pid {here}/nginx.pid; error_log {here}/error.log;
events {{}}
http {{ access_log off; client_body_temp_path {here}/b; fastcgi_temp_path {here}/f; proxy_temp_path {here}/p; uwsgi_temp_path {here}/u; scgi_temp_path {here}/s;
lua_shared_dict pages 32m; lua_shared_dict limits 4m;
server {{ listen 127.0.0.1:{port}; location / {{ content_by_lua_block {{
  ngx.shared.limits:incr(ngx.var.arg_user or "none", 1, 0, 60)
  local page = ngx.shared.pages:get(ngx.var.uri)
  if not page then
    local parts = {{}}
    for i = 1, math.random(50, 700) do parts[i] = "<p>" .. ngx.md5(ngx.var.uri .. i) .. "</p>" end
    page = table.concat(parts); ngx.shared.pages:set(ngx.var.uri, page, 600)
  end
  ngx.print(page)
}} }} }} }}
""")
server = subprocess.Popen(["nginx", "-c", here + "/nginx.conf"])
time.sleep(1)
def visitor(number):
    choose = random.Random(number)
    while True:
        time.sleep(choose.expovariate(10))
        path = f"/{int(choose.paretovariate(0.3)) % 50000}?user={choose.randrange(30000)}"
        try:
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            c.request("GET", path); r = c.getresponse(); r.read(); c.close()
            if r.status != 200: print(path, r.status, flush=True)
        except (OSError, http.client.HTTPException) as e: print(path, repr(e), flush=True)
for n in range(5): threading.Thread(target=visitor, args=(n,), daemon=True).start()
while True:
    time.sleep(120)
    server.send_signal(signal.SIGHUP)
