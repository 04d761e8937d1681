// trace: limit=96M seconds=300 kind=calm split=score
// A server that renders pages: templates are compiled when first asked for (some 60 s until all are), each page is a tree of objects thrown away at once.
let seed = 5104;
const random = () => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) / 0x7fffffff;
const templates = new Map();
const compile = (name) => ({
  name,
  parts: Array.from({ length: 400 }, (_, i) => `<section id="${name}-${i}">${'text '.repeat(4 + (i % 9))}</section>`),
  render: new Function('data', `return data.map((d) => '<li>' + d.title + ' ${name} ' + d.price + '</li>').join('')`),
});
const page = () => {
  const name = 'template-' + Math.floor(random() * random() * 90);
  if (!templates.has(name)) templates.set(name, compile(name));
  const data = Array.from({ length: 150 + Math.floor(random() * 400) }, (_, i) => ({ title: 'Thing ' + i, price: i * 3, tags: ['a' + i, 'b' + i] }));
  const template = templates.get(name);
  return template.parts.slice(0, 50).join('') + template.render(data);
};
let sent = 0;
const next = () => {
  const busy = Math.sin(Date.now() / 30000) > 0.3 ? 4 : 2;
  for (let i = 0; i < busy; i++) sent += page().length;
  setTimeout(next, 40 + random() * 80);
};
next();
