// trace: limit=192M seconds=300 kind=leak class=leak split=score
// A node service that is sound until a new version of its handler is put in place after 70 s: that one adds a listener for each request and never takes it away.
const http = require('http'), { EventEmitter } = require('events'), fs = require('fs');
let seed = 4103;
const random = () => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) / 0x7fffffff;
const bus = new EventEmitter();
bus.setMaxListeners(0);
const v1 = (body, done) => {
  const heard = () => body.length;
  bus.once('flush', heard);
  setTimeout(() => { bus.off('flush', heard); done(JSON.stringify({ version: 1, size: body.length })); }, 40);
};
const v2 = (body, done) => {
  bus.on('config', () => body.length);
  setTimeout(() => done(JSON.stringify({ version: 2, size: body.length })), 40);
};
let handler = v1;
setTimeout(() => { handler = v2; }, 70000);
if (fs.existsSync('app.sock')) fs.unlinkSync('app.sock');
http.createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => handler(Buffer.concat(parts), (text) => response.end(text)));
}).listen('app.sock', () => {
  const next = () => {
    const size = 4000 + Math.floor(random() * random() * 200000);
    const request = http.request({ socketPath: 'app.sock', method: 'POST', path: '/orders' }, (response) => response.resume());
    request.on('error', () => {});
    request.end(Buffer.alloc(size, 'order '));
    setTimeout(next, 30 + random() * 80);
  };
  next();
});
