// trace: limit=128M seconds=6300 kind=calm split=score
// Requests with a period of forty minutes, answered from a cache of a thousand pages, in a heap that is collected.
const pages = new Map();
const start = Date.now();
setInterval(() => {
  const load = 1 + 0.8 * Math.sin((2 * Math.PI * (Date.now() - start)) / 2400000);
  let answers = [];
  for (let number = 0; number < 150 * load; number += 1) {
    const page = Math.floor(1000 * Math.random() ** 3);
    if (!pages.has(page)) pages.set(page, new Array(2500).fill(page + Math.random()));
    answers.push(pages.get(page).map((value) => value + 1));
  }
}, 1000);
