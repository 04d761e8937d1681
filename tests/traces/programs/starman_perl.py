# trace: limit=192M seconds=300 kind=calm split=tune needs=starman,libplack-perl
# Starman with four preforked Perl workers, each renewed after 250 requests: text, word counts, sometimes a large upload.
import http.client, os, random, subprocess, threading, time
random.seed(31)
port = 26431
open("app.psgi", "w").write('''
use strict; use warnings; use Plack::Request; use JSON::PP; use Digest::SHA qw(sha1_hex);
my %cache;
sub {
    my $r = Plack::Request->new(shift);
    if ($r->method eq "POST") { my $text = $r->content; my %words; $words{$_}++ for split / /, $text; return [200, ["Content-Type" => "text/plain"], [scalar keys %words]] }
    my $key = $r->path;
    delete $cache{(keys %cache)[0]} if keys %cache > 400;
    $cache{$key} ||= join "", map { "<p>" . sha1_hex("$key$_") . "</p>" } 1 .. 20 + rand 400;
    return [200, ["Content-Type" => "application/json"], [encode_json({ rows => [map { { id => $_, name => "row $_" } } 1 .. 100] })]] if $key =~ /7$/;
    return [200, ["Content-Type" => "text/html"], [$cache{$key}]];
};
''')
subprocess.Popen(["starman", "--listen", f"127.0.0.1:{port}", "--workers", "4", "--max-requests", "250", "--env", "production", "--preload-app", "app.psgi"],
                 env={"PATH": "/usr/bin:/bin"}, stderr=subprocess.DEVNULL)
time.sleep(3)
def visitor(number):
    choose = random.Random(number)
    while True:
        time.sleep(choose.expovariate(2))
        try:
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            if choose.random() < 0.01: c.request("POST", "/count", " ".join("word%d" % choose.randrange(90000) for _ in range(choose.randrange(1000, 60000))))
            else: c.request("GET", f"/page/{choose.randrange(3000)}", headers={"Connection": "close"})
            r = c.getresponse(); r.read(); c.close()
            if r.status != 200: print(r.status, flush=True)
        except (OSError, http.client.HTTPException) as e: print(repr(e), flush=True)
for n in range(7): threading.Thread(target=visitor, args=(n,), daemon=True).start()
time.sleep(10**6)
