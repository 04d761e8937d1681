# trace: limit=96M seconds=420 kind=leak class=leak split=tune
# References in a ring: perl counts them and never frees them.
while (1) {
    my $first = { text => "x" x 40000 };
    my $second = { text => "y" x 20000, other => $first };
    $first->{other} = $second;
    select(undef, undef, undef, 0.2);
}
