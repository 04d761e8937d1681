# trace: limit=256M seconds=300 kind=calm split=tune needs=libmojolicious-perl
# Mojolicious under hypnotoad: four workers over JSON and templates, workers renewed by "accepts", a hot deploy each 110 s.
import http.client, os, random, subprocess, threading, time
random.seed(43)
here, port = os.getcwd(), 26445
open("app.pl", "w").write('''#!/usr/bin/perl
use Mojolicious::Lite -signatures;
app->log->level("fatal"); app->secrets(["x"]);
app->config(hypnotoad => { listen => ["http://127.0.0.1:%d"], workers => 4, accepts => 300, pid_file => "%s/hypnotoad.pid" });
my %%seen;
get "/" => sub ($c) { $c->session(visits => ($c->session("visits") || 0) + 1); $c->render(template => "list", items => [map { "item $_" } 1 .. 200]) };
get "/json/:id" => sub ($c) { my $id = $c->param("id"); %%seen = () if keys %%seen > 300; $seen{$id} ||= [map { { id => $_, text => "text $_ of $id" } } 1 .. 150]; $c->render(json => $seen{$id}) };
get "/dom" => sub ($c) { my $dom = Mojo::DOM->new("<ul>" . join("", map { "<li class=c$_>$_</li>" } 1 .. 1500) . "</ul>"); $c->render(text => $dom->find("li")->map("text")->join(",")) };
app->start;
__DATA__
@@ list.html.ep
<ul>
%% for my $i (@$items) {
<li><%%= $i %%></li>
%% }
</ul>
''' % (port, here))
deploy = lambda: subprocess.Popen(["hypnotoad", "app.pl"] if os.path.exists("hypnotoad.pid") else ["hypnotoad", "-f", "app.pl"], env={"PATH": "/usr/bin:/bin", "HOME": here}, stdout=subprocess.DEVNULL)
deploy()
time.sleep(4)
def visitor(number):
    choose = random.Random(number)
    while True:
        time.sleep(choose.expovariate(1.2))
        path = choose.choices(["/", f"/json/{choose.randrange(2000)}", "/dom"], [40, 57, 3])[0]
        try:
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            c.request("GET", path); r = c.getresponse(); r.read(); c.close()
            if r.status != 200: print(path, r.status, flush=True)
        except (OSError, http.client.HTTPException) as e: print(path, repr(e), flush=True)
for n in range(6): threading.Thread(target=visitor, args=(n,), daemon=True).start()
while True:
    time.sleep(110)
    deploy().wait()
