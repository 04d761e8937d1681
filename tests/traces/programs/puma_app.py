# trace: limit=192M seconds=900 kind=calm split=score needs=puma,ruby-rack,ruby-sinatra
# Puma, two workers with up to five threads, a Sinatra app: templates, JSON, an in-memory cache with a bound, now and then an export.
import http.client, os, random, subprocess, threading, time
random.seed(24)
here, port = os.getcwd(), 26423
open("config.ru", "w").write('''
require "sinatra/base"
require "json"
require "erb"
require "csv"
class App < Sinatra::Base
  set :environment, :production
  set :logging, false
  PAGE = ERB.new("<% items.each do |i| %><li><%= ERB::Util.h(i[:name]) %> <%= i[:price] %></li><% end %>")
  CACHE = {}; LOCK = Mutex.new
  get("/") { items = Array.new(300) { |i| { name: "item <#{i}>", price: rand } }; PAGE.result(binding) }
  get("/product/:id") do
    LOCK.synchronize do
      CACHE.shift if CACHE.size >= 1500
      CACHE[params[:id]] ||= JSON.generate((1..rand(20..400)).map { |i| { id: i, text: "review #{i} of #{params[:id]}" } })
    end
  end
  get("/export.csv") { CSV.generate { |csv| rand(2000..9000).times { |i| csv << [i, "customer #{i}", rand] } } }
end
run App
''')
subprocess.Popen(["puma", "-w", "2", "-t", "0:5", "-b", f"tcp://127.0.0.1:{port}", "-e", "production", "config.ru"], stdout=subprocess.DEVNULL)
time.sleep(4)
def visitor(number):
    choose = random.Random(number)
    while True:
        time.sleep(choose.expovariate(2))
        path = choose.choices(["/", f"/product/{choose.randrange(6000)}", "/export.csv"], [25, 74, 1])[0]
        try:
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            c.request("GET", path); r = c.getresponse(); r.read(); c.close()
            if r.status != 200: print(path, r.status, flush=True)
        except (OSError, http.client.HTTPException) as e: print(path, repr(e), flush=True)
for n in range(8): threading.Thread(target=visitor, args=(n,), daemon=True).start()
time.sleep(10**6)
