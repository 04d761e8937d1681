// trace: limit=128M seconds=480 kind=leak class=leak split=tune lives=3
// A node service that leaks and is started again after each kill: a new start, a new warm-up, the same leak.
const kept = [];
setInterval(() => {
  for (let i = 0; i < 100; i++) Buffer.from('x'.repeat(3000));
  kept.push(Array.from({ length: 22000 }, (_, i) => i + Math.random()));
}, 200);
