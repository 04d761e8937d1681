// trace: limit=192M seconds=300 kind=calm class=sawtooth,steady split=score
// A web server and its clients: buffers, parsed bodies, a small cache that is emptied when it is full.
const http = require('http');
const cache = new Map();
const server = http.createServer((request, response) => {
  const body = Array.from({ length: 3000 }, (_, i) => ({ i, text: 'x'.repeat(30) }));
  if (cache.size >= 150) cache.clear();
  cache.set(request.url + Math.random(), body.slice(0, 800));
  response.end(JSON.stringify(body));
});
server.listen('node.sock', () => setInterval(() => {
  http.get({ socketPath: 'node.sock', path: '/' }, (response) => response.resume());
}, 80));
