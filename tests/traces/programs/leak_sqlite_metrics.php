<?php
// trace: limit=96M seconds=300 kind=leak class=leak split=tune
// A metrics collector: for 40 s it reads its inventory into memory, then samples go to sqlite in :memory:, and the retention job removes far too little.
ini_set("memory_limit", "-1");
mt_srand(4108);
$db = new PDO("sqlite::memory:");
$db->exec("CREATE TABLE samples (at REAL, host TEXT, metric TEXT, labels TEXT, value REAL)");
$db->exec("CREATE INDEX by_host ON samples (host, at)");
$inventory = [];
for ($second = 0; $second < 40; $second += 0.5) {
    for ($i = 0; $i < 250; $i++) $inventory["host-" . count($inventory)] = ["rack" => mt_rand(1, 90), "tags" => str_repeat(chr(97 + $i % 26), 500), "seen" => microtime(true)];
    usleep(500000);
}
$insert = $db->prepare("INSERT INTO samples VALUES (?, ?, ?, ?, ?)");
$hosts = array_keys($inventory);
for ($tick = 1; ; $tick++) {
    $db->beginTransaction();
    for ($i = mt_rand(250, 550); $i > 0; $i--) {
        $host = $hosts[mt_rand(0, count($hosts) - 1)];
        $insert->execute([microtime(true), $host, "disk_io_" . $i % 9, json_encode(["rack" => $inventory[$host]["rack"], "note" => str_repeat("m", mt_rand(50, 700))]), mt_rand() / 7]);
    }
    $db->commit();
    if ($tick % 20 == 0) $db->exec("DELETE FROM samples WHERE rowid % 1000 = " . $tick % 1000);
    usleep(500000);
}
