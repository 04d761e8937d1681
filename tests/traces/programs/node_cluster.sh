# trace: limit=192M seconds=300 kind=calm split=tune
# Node with a cluster of two workers that renders pages; a rolling restart each 90 s: the new worker starts before the old one ends.
cat > server.js <<'JS'
const cluster = require('cluster'), http = require('http');
if (cluster.isPrimary) {
  for (let i = 0; i < 2; i++) cluster.fork();
  const roll = (old) => { if (!old.length) return; const fresh = cluster.fork(); fresh.once('listening', () => { old[0].disconnect(); setTimeout(() => { old[0].kill(); roll(old.slice(1)); }, 8000); }); };
  setInterval(() => roll(Object.values(cluster.workers)), 90000);
  let n = 0;
  const visit = () => {
    const r = http.get({ host: '127.0.0.1', port: 26439, path: `/${(n * 7919) % 5000}`, agent: false }, (a) => a.resume());
    r.on('error', (e) => console.log(e.message)); n++;
    setTimeout(visit, n % 1200 < 600 ? 25 : 90);
  };
  setTimeout(visit, 2000);
} else {
  const templates = new Map();
  http.createServer((request, response) => {
    const key = request.url;
    if (!templates.has(key)) templates.set(key, Array.from({ length: 120 }, (_, i) => `<li class="c${i}">${key} ${i} `));
    if (templates.size > 1500) templates.delete(templates.keys().next().value);
    const state = JSON.parse(JSON.stringify(Array.from({ length: 800 }, (_, i) => ({ id: i, text: 'x'.repeat(i % 50) }))));
    response.end(templates.get(key).join('</li>') + JSON.stringify(state));
  }).listen(26439, '127.0.0.1');
}
JS
exec node server.js
