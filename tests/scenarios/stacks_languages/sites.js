// The same as sites.py. The first place has Buffers, which are outside of V8's heap, the second a large array each, which its collector does not move.
const fs = require("fs");
const ROUNDS = 14, KIB = 1 << 10;
const kept = [];

function site_seventy() {
  kept.push(Buffer.allocUnsafeSlow(1536 * KIB).fill(1));
}
function site_thirty() {
  kept.push(new Array((658 * KIB) / 8));
}
function site_freeing() {
  Buffer.allocUnsafeSlow(2194 * KIB).fill(1);
}
function caller() {
  site_seventy();
  site_freeing();
  site_thirty();
}

console.log("waiting");
let rounds = 0;
function round() {
  if (rounds === 0 && !fs.existsSync(process.argv[2])) return setTimeout(round, 100);
  // The collector would come by itself, in a program that goes on. What one run finds is freed by the next at the latest.
  gc();
  if (rounds++ < ROUNDS) caller();
  else if (rounds > ROUNDS + 3) {
    console.log("done");
    return setInterval(() => {}, 3600000);
  }
  setTimeout(round, 20);
}
round();
