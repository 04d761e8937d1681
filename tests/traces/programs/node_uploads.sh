# trace: limit=128M seconds=300 kind=calm split=tune
# A Node service takes uploads of pictures (whole in buffers), hashes and packs them, writes them to disk, and sends some back; old ones go.
cat > server.js <<'JS'
const http = require('http'), fs = require('fs'), zlib = require('zlib'), crypto = require('crypto');
fs.mkdirSync('store');
const names = [];
const server = http.createServer((request, response) => {
  if (request.method === 'PUT') {
    const pieces = [];
    request.on('data', (p) => pieces.push(p)).on('end', () => {
      const whole = Buffer.concat(pieces), name = crypto.createHash('sha1').update(whole).digest('hex');
      zlib.deflate(whole, { level: 1 }, (_, packed) => fs.writeFile(`store/${name}`, packed, () => {
        names.push(name);
        if (names.length > 120) fs.unlink(`store/${names.shift()}`, () => {});
        response.end(name);
      }));
    });
  } else if (names.length) {
    const stream = fs.createReadStream(`store/${names[Math.floor(Math.random() * names.length)]}`);
    stream.on('error', () => response.end()).pipe(response);
  } else response.end();
});
const send = () => {
  const put = Math.random() < 0.4;
  const request = http.request({ socketPath: 'node.sock', method: put ? 'PUT' : 'GET', path: '/' }, (r) => r.resume());
  request.on('error', (e) => console.log(e.message));
  request.end(put ? Buffer.alloc(20000 + Math.floor(Math.random() ** 3 * 6e6), Math.random().toString(36)) : undefined);
};
let n = 0;
const tick = () => { for (let i = 0; i < (n % 100 < 8 ? 5 : 1); i++) send(); n++; setTimeout(tick, 500); };
server.listen('node.sock', tick);
JS
exec node server.js
