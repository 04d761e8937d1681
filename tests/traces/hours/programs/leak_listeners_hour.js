// trace: limit=160M seconds=6600 kind=leak class=leak split=tune
// Listeners that are never removed, with what they close over, in a heap that is collected; a wave of half an hour in the load.
const kept = [];
const start = Date.now();
setInterval(() => {
  const load = 1 + 0.7 * Math.sin((2 * Math.PI * (Date.now() - start)) / 1800000);
  for (let number = 0; number < 20 * load; number += 1) {
    const state = new Array(150).fill(Math.random());
    kept.push(() => state);
  }
  let garbage = [];
  for (let number = 0; number < 200 * load; number += 1) garbage.push(new Array(400).fill(number));
}, 1000);
