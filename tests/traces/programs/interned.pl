# trace: limit=56M seconds=360 kind=calm class=warmup,steady split=tune
# Every name that was seen once is kept, with what was looked up for it; there are only so many names.
use strict; use warnings;
srand 4;
my %kept;
while (1) {
    for (1 .. 8) {
        my $name = int(rand 1800);
        $kept{$name} //= [map { "value " . ($name * $_) } 1 .. 260];
        my $page = join(",", @{$kept{$name}}) x 20;
    }
    select(undef, undef, undef, 0.2);
}
