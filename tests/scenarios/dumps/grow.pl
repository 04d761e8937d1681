# Writes its pid to $1, then grows by a MiB a second.
my ($path) = @ARGV;
open my $file, ">", $path or die $!;
print $file $$;
close $file;
my @kept;
while (1) {
    push @kept, "x" x (1 << 20);
    sleep 1;
}
