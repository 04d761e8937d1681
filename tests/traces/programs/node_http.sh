# trace: limit=96M seconds=300 kind=calm split=score
# A Node API: JSON work, an LRU cache with a bound, sessions that expire after 40 s; visitors by day and by night.
cat > server.js <<'JS'
const http = require('http'), zlib = require('zlib'), crypto = require('crypto');
let seed = 27;
const random = (n) => { seed = (seed * 1103515245 + 12345) % 2147483648; return Math.floor(seed / 2147483648 * n); };
const cache = new Map(), sessions = new Map();
const product = (id) => {
  const hit = cache.get(id);
  if (hit) { cache.delete(id); cache.set(id, hit); return hit; }
  const made = { id, reviews: Array.from({ length: 20 + random(300) }, (_, i) => ({ i, stars: random(5), text: `review ${i} of ${id} ${'word '.repeat(random(20))}` })) };
  cache.set(id, made);
  if (cache.size > 800) cache.delete(cache.keys().next().value);
  return made;
};
const server = http.createServer((request, response) => {
  const url = new URL(request.url, 'http://x');
  const who = request.headers['x-session'];
  sessions.set(who, { seen: Date.now(), pages: [...(sessions.get(who)?.pages ?? []).slice(-20), request.url], token: crypto.randomBytes(2000).toString('hex') });
  if (url.pathname === '/cart') {
    let body = '';
    request.on('data', (piece) => { body += piece; }).on('end', () => response.end(JSON.stringify({ items: JSON.parse(body).length })));
  } else {
    zlib.gzip(JSON.stringify(product(Number(url.pathname.slice(1)))), (_, packed) => response.end(packed));
  }
});
setInterval(() => { for (const [id, s] of sessions) if (Date.now() - s.seen > 40000) sessions.delete(id); }, 5000);
const agent = new http.Agent({ keepAlive: true, maxSockets: 6 });
const start = Date.now();
const visit = () => {
  const cart = random(12) === 0;
  const request = http.request({ agent, socketPath: 'node.sock', method: cart ? 'POST' : 'GET', path: cart ? '/cart' : `/${Math.floor(random(50) * random(60))}`, headers: { 'x-session': `s${random(30000)}` } }, (r) => r.resume());
  request.on('error', (e) => console.log(e.message));
  request.end(cart ? JSON.stringify(Array.from({ length: 1500 }, (_, i) => ({ i, amount: i * 2 }))) : undefined);
  setTimeout(visit, 35 + 25 * Math.sin((Date.now() - start) / 15000));
};
server.listen('node.sock', visit);
JS
exec node server.js
