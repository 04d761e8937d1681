# trace: limit=48M seconds=300 kind=calm split=score needs=nginx-light,openssl
# nginx ends TLS for a chat: hundreds of clients hold connections with a slow backend, in waves; session cache in shared memory.
import math, os, random, select, socket, ssl, subprocess, threading, time
random.seed(37)
here, port, back = os.getcwd(), 26437, 26438
os.chmod(".", 0o755)
subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "9", "-subj", "/CN=localhost"], stderr=subprocess.DEVNULL)
open("nginx.conf", "w").write(f"""daemon off; user www-data; worker_processes 2; pid {here}/nginx.pid; error_log {here}/error.log;
events {{ worker_connections 2000; }}
http {{ access_log {here}/access.log; client_body_temp_path {here}/b; fastcgi_temp_path {here}/f; proxy_temp_path {here}/p; uwsgi_temp_path {here}/u; scgi_temp_path {here}/s;
ssl_certificate {here}/cert.pem; ssl_certificate_key {here}/key.pem; ssl_session_cache shared:tls:10m; keepalive_timeout 65;
server {{ listen 127.0.0.1:{port} ssl; location / {{ proxy_pass http://127.0.0.1:{back}; }} }} }}
""")
subprocess.Popen(["nginx", "-c", here + "/nginx.conf"])
def answer(s):
    try:
        s.recv(4096); body = b"m" * random.randrange(200, 9000)
        s.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body); s.close()
    except OSError: pass
def backend():
    listener = socket.create_server(("127.0.0.1", back), backlog=200)
    while True: answer(listener.accept()[0])
threading.Thread(target=backend, daemon=True).start()
time.sleep(2)
context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
kept, start = [], time.time()
while True:
    want = 170 + 130 * math.sin((time.time() - start) / 30)
    try:
        for _ in range(3):
            if len(kept) < want: kept.append(context.wrap_socket(socket.create_connection(("127.0.0.1", port), 10)))
        if len(kept) > want: kept.pop(random.randrange(len(kept))).close()
    except OSError as e: print(repr(e), flush=True)
    for s in random.sample(kept, min(2, len(kept))):
        try:
            s.settimeout(10); s.sendall(b"GET /poll HTTP/1.1\r\nHost: x\r\n\r\n")
            if not s.recv(65536): raise OSError("closed")
            while s.pending() or select.select([s], [], [], 0.01)[0]:
                if not s.recv(65536): raise OSError("closed")
        except OSError: kept.remove(s); s.close()
    time.sleep(0.12)
