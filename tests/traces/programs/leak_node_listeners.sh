# trace: limit=192M seconds=600 kind=leak class=leak split=score
# A Node service adds a listener for every request and never removes one; --max-old-space-size is above the cgroup's limit.
cat > server.js <<'JS'
const http = require('http'), EventEmitter = require('events');
const bus = new EventEmitter().setMaxListeners(0);
const server = http.createServer((request, response) => {
  let body = '';
  request.on('data', (piece) => { body += piece; }).on('end', () => {
    const order = JSON.parse(body);
    bus.on('prices', () => { order.total = order.items.length; });
    response.end(JSON.stringify({ count: order.items.length, text: order.items.map((i) => i.name).join() }));
  });
});
const visit = () => {
  const items = Array.from({ length: 10 + Math.floor(Math.random() * 250) }, (_, i) => ({ name: `item ${i}`, note: `note ${Math.random()}`, price: Math.random() }));
  const r = http.request({ socketPath: 'node.sock', method: 'POST', path: '/' }, (answer) => answer.resume());
  r.on('error', (e) => console.log(e.message)); r.end(JSON.stringify({ items }));
  setTimeout(visit, 20 + Math.random() * 60);
};
server.listen('node.sock', visit);
JS
exec node --max-old-space-size=1024 server.js
