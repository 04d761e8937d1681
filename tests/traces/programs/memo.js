// trace: limit=192M seconds=420 kind=calm class=warmup,steady split=tune
// Answers are remembered by their question, and some questions are asked far more often than others.
const memo = new Map();
setInterval(() => {
  for (let i = 0; i < 6; i++) {
    const question = Math.floor(900 * Math.random() ** 2);
    if (!memo.has(question)) memo.set(question, Array.from({ length: 12000 }, (_, j) => question + j + 0.5));
    JSON.stringify(memo.get(question).slice(0, 300));
  }
}, 200);
