'use strict';
// All text from a log goes into the page as text (textContent): no name in it can become an element. What it means is
// decided in the WebAssembly; here it is only drawn.

/// Bytes of text that are read at most.
const MOST = 512 * 1024 * 1024;
/// Bytes of a log that are put into the text field: more makes browsers slow.
const FIELD = 1024 * 1024;
const BLOCK = 1 << 20;
const PACKED = [['zstd', [0x28, 0xb5, 0x2f, 0xfd]], ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]], ['bzip2', [0x42, 0x5a, 0x68]], ['ZIP', [0x50, 0x4b, 3, 4]]];
const GZIP = [['gzip', [0x1f, 0x8b]]];
/// What PowerShell writes.
const WIDE = [['utf-16le', [0xff, 0xfe]], ['utf-16be', [0xfe, 0xff]]];

const $ = (id) => document.getElementById(id);
let code;
let turn = 0;

function make(name, text, kind) {
  const element = document.createElement(name);
  if (text !== undefined && text !== null) element.textContent = text;
  if (kind) element.className = kind;
  return element;
}

/// Each log has an instance of its own: what one that went wrong leaves behind does not meet the next.
async function instance() {
  code ??= WebAssembly.compile(Uint8Array.from(atob($('wasm').textContent.trim()), (letter) => letter.charCodeAt(0)));
  return (await WebAssembly.instantiate(await code, {})).exports;
}

/// What a stream of blocks tells.
async function explain(stream, expected, mine) {
  const wasm = await instance();
  wasm.begin(Math.min(expected, MOST));
  let length = 0;
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done || mine !== turn) break;
    for (let at = 0; at < value.length; at += BLOCK) {
      const block = value.subarray(at, at + BLOCK);
      length += block.length;
      if (length > MOST) {
        await reader.cancel();
        throw new Error('it is longer than 512 MiB; cut out the part around the kill');
      }
      new Uint8Array(wasm.memory.buffer, wasm.room(block.length) >>> 0, block.length).set(block);
    }
  }
  const size = wasm.explain() >>> 0;
  return JSON.parse(new TextDecoder().decode(new Uint8Array(wasm.memory.buffer, wasm.told() >>> 0, size)));
}

/// Which of these kinds a file is of, by its first bytes.
function kind(kinds, first) {
  return kinds.find(([, bytes]) => bytes.every((byte, at) => first[at] === byte))?.[0];
}

/// A file's text, unpacked where the browser can.
async function text(file) {
  const first = new Uint8Array(await file.slice(0, 8).arrayBuffer());
  const packed = kind(PACKED, first);
  if (packed) throw new Error(`it is packed with ${packed}: unpack it first`);
  const wide = kind(WIDE, first);
  if (wide) return [file.stream().pipeThrough(new TextDecoderStream(wide)).pipeThrough(new TextEncoderStream()), file.size];
  if (!kind(GZIP, first)) return [file.stream(), file.size];
  return [file.stream().pipeThrough(new DecompressionStream('gzip')), 8 * file.size];
}

async function show(source, name) {
  const mine = ++turn;
  clear();
  document.body.classList.add('busy');
  $('summary').textContent = `Reading ${name}…`;
  try {
    const [stream, expected] = await source();
    const told = await explain(stream, expected, mine);
    if (mine === turn) draw(told);
  } catch (error) {
    if (mine !== turn) return;
    $('summary').textContent = '';
    const why = error instanceof WebAssembly.RuntimeError ? 'this browser had not enough memory for it' : error.message || 'it is damaged';
    $('trouble').append(make('li', `Cannot read ${name}: ${why}.`));
  } finally {
    if (mine === turn) document.body.classList.remove('busy');
  }
}

function clear() {
  $('summary').textContent = '';
  $('trouble').replaceChildren();
  $('told').replaceChildren();
  document.body.classList.remove('busy');
}

function draw(all) {
  $('trouble').replaceChildren(...all.trouble.map((text) => make('li', text)));
  $('told').replaceChildren(...all.told.map((one, at) => item(one, at + 1 === all.told.length)));
  $('summary').textContent = all.summary;
  $('summary').focus({ preventScroll: true });
  $('summary').scrollIntoView({ block: 'start' });
}

function item(one, open) {
  const item = make('li');
  const { kill } = one;
  if (!kill) {
    item.append(make('h3', one.headline));
    return item;
  }
  item.className = 'kill';
  for (const key of ['pid', 'origin', 'limit']) if (kill[key] !== null) item.dataset[key] = kill[key];
  const details = make('details');
  details.open = open;
  const summary = make('summary');
  summary.append(make('h3', one.headline));
  details.append(summary);
  const list = make('dl');
  for (const [label, words] of one.lines) {
    const advice = label === '→';
    const line = make('div', null, advice ? 'advice' : '');
    line.append(make('dt', advice ? 'advice' : label), make('dd', words));
    list.append(line);
  }
  details.append(list);
  if (one.rests) details.append(make('p', one.rests, 'rests'));
  if (kill.held) details.append(...held(kill.held));
  if (kill.zone) details.append(...zone(kill.zone));
  if (kill.tasks.length) details.append(...tasks(kill.tasks));
  item.append(details);
  return item;
}

function bar(parts, marks = []) {
  const bar = make('div', null, 'bar');
  bar.setAttribute('aria-hidden', 'true');
  for (const part of parts) {
    const piece = make('i', null, part.name);
    piece.style.width = `${part.share * 100}%`;
    bar.append(piece);
  }
  for (const mark of marks) {
    const line = make('i', null, 'mark');
    line.style.left = `${mark.share * 100}%`;
    bar.append(line);
  }
  return bar;
}

/// The same in words, for all that do not see the bar.
function keys(parts, coloured) {
  const keys = make('p', null, 'keys');
  for (const part of parts) {
    const key = make('span');
    if (coloured.includes(part)) key.append(make('i', null, `key ${part.name}`));
    key.append(`${part.name} `, make('b', part.size));
    keys.append(key, ' ');
  }
  return keys;
}

function held(held) {
  return [make('h4', held.caption), bar(held.parts), keys(held.parts, held.parts)];
}

function zone(zone) {
  return [make('h4', `What was free in ${zone.name}`), bar([zone.free], zone.marks), keys([zone.free, ...zone.marks], [zone.free])];
}

function tasks(rows) {
  const table = make('table');
  const head = make('tr');
  for (const [name, kind] of [['process', 'left'], ['pid'], ['resident'], ['', 'of'], ['swap'], ['oom_score_adj']]) {
    const cell = make(name ? 'th' : 'td', name, kind);
    if (name) cell.scope = 'col';
    head.append(cell);
  }
  const body = make('tbody');
  for (const row of rows) {
    const line = make('tr', null, row.is_victim ? 'victim' : '');
    const name = make('th', row.comm, 'left');
    name.scope = 'row';
    if (row.is_victim) name.append(' (killed)');
    const of = make('td', null, 'of');
    of.append(bar([{ name: '', share: row.share }]));
    line.append(name, make('td', row.pid), make('td', row.rss ?? '–'), of, make('td', row.swap ?? '–'), make('td', row.oom_score_adj ?? '–'));
    body.append(line);
  }
  const top = make('thead');
  top.append(head);
  table.append(top, body);
  const wide = make('div', null, 'wide');
  wide.tabIndex = 0;
  wide.setAttribute('role', 'region');
  wide.setAttribute('aria-label', 'Processes');
  wide.append(table);
  return [make('h4', 'Processes that might have been chosen, largest first'), wide];
}

function pasted() {
  const log = $('log').value;
  if (!log.trim()) {
    clear();
    $('summary').textContent = 'There is no log yet: paste one, or open a file.';
    return;
  }
  const blob = new Blob([log]);
  show(async () => [blob.stream(), blob.size], 'the log');
}

async function opened(file) {
  $('log').value = '';
  await show(() => text(file), file.name);
  if (file.size > FIELD) return;
  const first = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  if (!kind(GZIP, first)) $('log').value = new TextDecoder(kind(WIDE, first)).decode(await file.arrayBuffer());
}

$('explain').addEventListener('click', pasted);
$('log').addEventListener('paste', () => setTimeout(pasted));
$('log').addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) pasted();
});
$('sample').addEventListener('click', () => {
  $('log').value = $('example').textContent.trim();
  pasted();
});
$('clear').addEventListener('click', () => {
  turn++;
  $('log').value = '';
  clear();
  $('log').focus();
});
$('file').addEventListener('change', () => {
  const [file] = $('file').files;
  if (file) opened(file);
  // The same file once more is a change too.
  $('file').value = '';
});
for (const kind of ['dragover', 'dragleave', 'drop']) {
  addEventListener(kind, (event) => {
    if (kind !== 'dragleave' && !event.dataTransfer.types.includes('Files')) return;
    event.preventDefault();
    document.body.classList.toggle('over', kind === 'dragover');
    if (kind === 'drop' && event.dataTransfer.files.length) opened(event.dataTransfer.files[0]);
  });
}
