<?php
// trace: limit=128M seconds=420 kind=leak class=leak split=score args=-dmemory_limit=-1
// A worker that never ends keeps every answer in a static list, as if a request were a life.
function handle(int $id): void {
    static $answers = [];
    $work = str_repeat("x", 200000);
    $answers[] = ["id" => $id, "body" => substr($work, 0, 6000 + $id % 4000)];
}
for ($id = 0; ; $id++) {
    handle($id);
    usleep(20000);
}
