# trace: limit=96M seconds=900 kind=calm split=tune needs=stunnel4,openssl
# stunnel in front of a small server: TLS clients connect for short requests, some keep the connection for minutes.
import os, random, socket, ssl, socketserver, subprocess, threading, time
random.seed(101)
home = os.getcwd()
subprocess.run("openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out cert -subj /CN=localhost -days 30", shell=True, stderr=subprocess.DEVNULL)
open("stunnel.conf", "w").write(f"foreground = yes\npid = {home}/pid\ndebug = 3\n[app]\naccept = 127.0.0.1:23600\nconnect = 127.0.0.1:23601\ncert = {home}/cert\nkey = {home}/key\n")
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(4096): self.request.sendall(data * 5)
class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 100
threading.Thread(target=Server(("127.0.0.1", 23601), Echo).serve_forever, daemon=True).start()
subprocess.Popen(["stunnel4", home + "/stunnel.conf"])
time.sleep(2)
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
def client(stay):
    try:
        with context.wrap_socket(socket.create_connection(("127.0.0.1", 23600), timeout=30)) as connection:
            end = time.time() + (random.expovariate(1 / 60) if stay else 0)
            while True:
                connection.sendall(b"x" * random.randrange(1, 4000))
                connection.recv(30000)
                if time.time() >= end: break
                time.sleep(random.uniform(1, 5))
    except OSError as error: print(error, flush=True)
while True:
    if threading.active_count() < (150 if time.time() % 110 < 70 else 50):
        threading.Thread(target=client, args=(random.random() < 0.3,)).start()
    time.sleep(random.expovariate(6))
