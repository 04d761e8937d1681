// trace: limit=192M seconds=300 kind=calm class=sawtooth,steady split=tune
// Much garbage, nothing kept.
let last = [];
setInterval(() => {
  const work = [];
  for (let i = 0; i < 60; i++) work.push(Array.from({ length: 4000 }, () => Math.random()));
  last = work;
}, 100);
