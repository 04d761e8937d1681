# trace: limit=96M seconds=300 kind=calm split=tune needs=apache2,libapache2-mod-perl2
# Apache (prefork) with mod_perl: handlers that keep what they loaded, children that end after 300 connections.
import http.client, os, random, subprocess, threading, time
random.seed(34)
here, port = os.getcwd(), 26434
os.chmod(".", 0o755)
open("Shop.pm", "w").write('''package Shop;
use strict; use warnings; use Apache2::RequestRec (); use Apache2::RequestIO (); use Apache2::Const -compile => "OK"; use JSON::PP; use POSIX qw(strftime);
my %catalogue;
sub handler {
    my $r = shift; $r->content_type("text/html");
    my ($id) = $r->uri =~ /([0-9]+)/; $id ||= 0; my $group = $id % 60;
    $catalogue{$group} ||= { map { ($_ => { name => "item $_", tags => [1 .. 6] }) } 1 .. 150 };
    $r->print("<p>", strftime("%F", localtime), "</p>", encode_json([map { $catalogue{$group}{$_} } 1 .. 60]));
    if ($id % 97 == 0) { my @rows = map { { id => $_, text => "row $_" x 5 } } 1 .. 8000; @rows = sort { $a->{text} cmp $b->{text} } @rows; $r->print(scalar @rows) }
    return Apache2::Const::OK;
}
1;
''')
conf = "".join(f"LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so\n" for m in "mpm_prefork authz_core dir mime perl".split())
open("apache.conf", "w").write(conf + f"""
ServerRoot {here}
ServerName localhost
PidFile {here}/pid
ErrorLog {here}/error.log
Listen 127.0.0.1:{port}
User www-data
Group www-data
StartServers 3
MinSpareServers 2
MaxSpareServers 4
MaxRequestWorkers 8
MaxConnectionsPerChild 300
TypesConfig /etc/mime.types
PerlSwitches -I{here}
PerlModule Shop
<Location />
SetHandler perl-script
PerlResponseHandler Shop
</Location>
""")
subprocess.Popen(["apache2", "-D", "FOREGROUND", "-f", here + "/apache.conf"])
time.sleep(3)
def visitor(number):
    choose = random.Random(number)
    while True:
        time.sleep(choose.expovariate(1.5))
        try:
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            c.request("GET", f"/item/{choose.randrange(20000)}"); r = c.getresponse(); r.read(); c.close()
            if r.status != 200: print(r.status, flush=True)
        except (OSError, http.client.HTTPException) as e: print(repr(e), flush=True)
for n in range(7): threading.Thread(target=visitor, args=(n,), daemon=True).start()
time.sleep(10**6)
