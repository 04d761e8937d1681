// Grows by a MiB a second, in Buffers.
const kept = [];
const began = Date.now();
function grow() {
  kept.push(Buffer.alloc(1 << 20, 1));
  setTimeout(grow, Math.max(0, began + kept.length * 1000 - Date.now()));
}
grow();
