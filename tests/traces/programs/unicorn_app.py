# trace: limit=256M seconds=300 kind=calm split=score needs=unicorn,ruby-rack,ruby-sinatra
# Unicorn with three preloaded workers (a fork each), and a deploy (USR2: a new master beside the old one, then QUIT) each 100 s.
import http.client, os, random, signal, subprocess, threading, time
random.seed(35)
here, port = os.getcwd(), 26435
open("config.ru", "w").write('''
require "sinatra/base"
require "json"
class App < Sinatra::Base
  set :environment, :production
  TABLE = (1..20000).to_h { |i| ["key#{i}", { id: i, name: "name #{i}" }] }
  get("/item/:id") { JSON.generate(TABLE["key#{params[:id]}"]) }
  get("/list") { JSON.generate(TABLE.values.sample(rand(100..3000)).sort_by { |x| x[:name] }) }
end
run App
''')
open("unicorn.rb", "w").write(f'''
worker_processes 3
preload_app true
listen "127.0.0.1:{port}"
pid "{here}/unicorn.pid"
stderr_path "{here}/unicorn.log"
working_directory "{here}"
''')
subprocess.Popen(["unicorn", "-c", "unicorn.rb", "-E", "production", "config.ru"], stdout=subprocess.DEVNULL)
time.sleep(4)
def visitor(number):
    choose = random.Random(number)
    while True:
        time.sleep(choose.expovariate(2))
        path = f"/item/{choose.randrange(1, 20000)}" if choose.random() < 0.85 else "/list"
        try:
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            c.request("GET", path); r = c.getresponse(); r.read(); c.close()
            if r.status != 200: print(path, r.status, flush=True)
        except (OSError, http.client.HTTPException) as e: print(path, repr(e), flush=True)
for n in range(6): threading.Thread(target=visitor, args=(n,), daemon=True).start()
while True:
    time.sleep(90)
    old = int(open("unicorn.pid").read())
    os.kill(old, signal.SIGUSR2)
    while True:
        time.sleep(5)
        if os.path.exists("unicorn.pid") and int(open("unicorn.pid").read() or old) != old: break
    time.sleep(5)
    os.kill(old, signal.SIGQUIT)
