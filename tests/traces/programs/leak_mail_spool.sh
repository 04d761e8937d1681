# trace: limit=64M seconds=300 kind=leak class=shmem split=tune
# A mail spool on a tmpfs: most messages are delivered and removed, those for one dead destination stay; mail comes in waves.
mkdir -p spool
exec unshare --mount perl - <<'PERL'
use strict; use warnings; use Time::HiRes qw(sleep time);
srand 4109;
system("mount", "-t", "tmpfs", "none", "spool") == 0 or die "mount";
my ($number, $began, @queue) = (0, time);
while (1) {
    my $arrivals = int(rand 3) + (sin((time - $began) / 15) > 0.4 ? 3 : 0);
    for (1 .. $arrivals) {
        my $name = sprintf "spool/%08d.eml", ++$number;
        open my $file, ">", $name or die "$name: $!";
        print $file "From: a\@example\nTo: b\@example\n\n", "body text line\n" x int(200 + rand(7000));
        close $file;
        push @queue, $name if rand() > 0.4;
    }
    for (1 .. 2) { last unless @queue > 5; unlink shift @queue }
    sleep 0.2;
}
PERL
