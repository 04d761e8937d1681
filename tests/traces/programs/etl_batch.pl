# trace: limit=24M seconds=300 kind=calm split=score
# A small scheduler; each 15 to 30 s it forks a job that reads a day of sales, adds them up by customer, writes a file and ends.
use strict; use warnings; use Time::HiRes qw(sleep);
srand 5102;
my $day = 0;
sub job {
    my ($day, $size) = @_;
    my (%sum, @rows);
    for my $i (1 .. $size) {
        push @rows, join ",", $day, "customer-" . int(rand 20000), int(rand 900), "article " . $i % 700;
        sleep 0.06 if $i % 1000 == 0;
    }
    for my $i (0 .. $#rows) {
        my @cells = split /,/, $rows[$i];
        $sum{$cells[1]}{total} += $cells[2]; $sum{$cells[1]}{count}++;
        sleep 0.06 if $i % 1000 == 0;
    }
    open my $out, ">", "sales.csv" or die $!;
    print $out "$_,$sum{$_}{total},$sum{$_}{count}\n" for sort keys %sum;
    close $out;
}
while (1) {
    $day++;
    my $size = 25000 + int rand 25000;
    my $pid = fork; die unless defined $pid;
    if (!$pid) { srand $day; job($day, $size); exit 0 }
    waitpid $pid, 0;
    sleep(10 + rand 14);
}
