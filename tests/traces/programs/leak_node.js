// trace: limit=192M seconds=420 kind=leak class=leak split=tune
// A listener that is never removed keeps what it closed over, beside much garbage.
const kept = [];
setInterval(() => {
  for (let i = 0; i < 200; i++) Buffer.from('x'.repeat(2000));
  kept.push({ body: Array.from({ length: 9000 }, (_, i) => i + Math.random()) });
}, 200);
