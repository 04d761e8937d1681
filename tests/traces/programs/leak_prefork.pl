# trace: limit=96M seconds=300 kind=leak class=leak split=tune
# A master and three workers behind one socket; a memo of search results in each worker is keyed by the whole query string, which holds a token that is never the same.
use strict; use warnings; use IO::Socket::UNIX; use Time::HiRes qw(sleep); use POSIX ":sys_wait_h";
srand 4107;
unlink "search.sock";
my $listen = IO::Socket::UNIX->new(Local => "search.sock", Listen => 64) or die "$!";
my %workers;
sub work {
    my %memo;
    while (my $peer = $listen->accept) {
        my $query = <$peer>; next unless defined $query;
        chomp $query;
        my ($term) = $query =~ /q=(\w+)/;
        $memo{$query} //= [map { { id => $_, title => "Result $_ for $term", text => "lorem $term " x 12 } } 1 .. 10 + length($term) * 4];
        print $peer scalar(@{$memo{$query}}), "\n";
        close $peer;
    }
}
sub start { my $pid = fork; die unless defined $pid; if (!$pid) { work(); exit } $workers{$pid} = 1 }
start() for 1 .. 3;
my $count = 0;
while (1) {
    $count++;
    my $peer = IO::Socket::UNIX->new(Peer => "search.sock");
    if ($peer) { local $SIG{PIPE} = "IGNORE"; print $peer "q=" . ("t" x (1 + int rand 9)) . "&page=1&token=$count\n"; my $answer = <$peer>; close $peer }
    while ((my $dead = waitpid(-1, WNOHANG)) > 0) { delete $workers{$dead}; start() }
    sleep(0.02 + rand() * 0.035);
}
