# trace: limit=128M seconds=600 kind=leak class=leak split=tune needs=puma,ruby-rack
# A Puma app memoizes its answers in a class variable by full URL (with the visitor's own parameters), and nothing bounds it.
import http.client, os, random, subprocess, threading, time
random.seed(46)
port = 26448
open("config.ru", "w").write('''
require "json"
class Search
  @@answers = {}
  def self.find(query) = @@answers[query] ||= JSON.generate((1..rand(20..250)).map { |i| { id: i, title: "result #{i} for #{query}", score: rand } })
end
run ->(env) { [200, { "content-type" => "application/json" }, [Search.find(env["QUERY_STRING"])]] }
''')
subprocess.Popen(["puma", "-t", "0:5", "-b", f"tcp://127.0.0.1:{port}", "-e", "production", "config.ru"], stdout=subprocess.DEVNULL)
time.sleep(3)
def visitor(number):
    choose = random.Random(number)
    while True:
        time.sleep(choose.expovariate(5))
        path = f"/?q=word{choose.randrange(300)}&page={choose.randrange(20)}&visitor={choose.randrange(10**9)}"
        try:
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            c.request("GET", path); r = c.getresponse(); r.read(); c.close()
            if r.status != 200: print(path, r.status, flush=True)
        except (OSError, http.client.HTTPException) as e: print(path, repr(e), flush=True)
for n in range(5): threading.Thread(target=visitor, args=(n,), daemon=True).start()
time.sleep(10**6)
