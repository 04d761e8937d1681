<?php
// trace: limit=24M seconds=300 kind=calm split=tune
// A pool of four workers that each end after some 50 to 90 jobs, since the library they use keeps a little of every job; the master starts new ones.
mt_srand(5107);
function worker(int $seed): void {
    mt_srand($seed);
    static $library = [];
    for ($jobs = mt_rand(50, 90); $jobs > 0; $jobs--) {
        $lines = [];
        for ($i = 0; $i < 1500; $i++) $lines[] = "invoice line $i " . mt_rand();
        $library[] = substr(implode("\n", $lines), 0, mt_rand(20000, 38000) - 1);
        usleep(mt_rand(200000, 900000));
    }
    exit(0);
}
$number = 0;
$start = function () use (&$number) {
    $number++;
    $pid = pcntl_fork();
    if ($pid === 0) worker(5107 + $number);
};
for ($i = 0; $i < 4; $i++) { $start(); usleep(2500000); }
while (true) { pcntl_wait($status); $start(); }
