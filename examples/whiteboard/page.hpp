#pragma once
// The page. All addresses in it are relative: it works behind any prefix.

#include <string_view>

namespace whiteboard {

inline constexpr std::string_view pageHtml = R"page(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Whiteboard</title>
<link rel="icon" href="data:,">
<style>
  :root { color-scheme: light; --ink: #1c2530; --line: #d9dee5; --bar: #ffffffee; }
  * { box-sizing: border-box; }
  html, body { margin: 0; height: 100%; font: 15px/1.4 system-ui, sans-serif; color: var(--ink); background: #eef1f5; overflow: hidden; }
  canvas { position: absolute; inset: 0; width: 100%; height: 100%; touch-action: none; cursor: crosshair; background:
    radial-gradient(circle, #d3d9e2 1px, transparent 1px) 0 0 / 24px 24px #fbfcfd; }
  .bar { position: absolute; top: 14px; left: 50%; transform: translateX(-50%); display: flex; gap: 10px; align-items: center; padding: 8px 14px;
    background: var(--bar); border: 1px solid var(--line); border-radius: 999px; box-shadow: 0 4px 18px #0b1c3318; z-index: 2; }
  .swatch { width: 24px; height: 24px; border-radius: 50%; border: 2px solid #fff; outline: 1px solid var(--line); cursor: pointer; padding: 0; }
  .swatch[aria-pressed=true] { outline: 2px solid var(--ink); }
  button.plain { border: 0; background: none; font: inherit; color: inherit; cursor: pointer; padding: 2px 6px; border-radius: 6px; }
  button.plain:hover { background: #0001; }
  .status { position: absolute; bottom: 14px; left: 16px; padding: 4px 12px; background: var(--bar); border: 1px solid var(--line); border-radius: 999px; z-index: 2; }
  .status b { font-weight: 600; }
  .off { color: #b3261e; }
</style>
</head>
<body>
<canvas id="board" aria-label="Drawing board"></canvas>
<div class="bar" role="toolbar" aria-label="Pens">
  <span id="swatches" style="display:flex;gap:8px"></span>
  <label>Width <input id="width" type="range" min="2" max="30" value="4" style="width:90px;vertical-align:middle"></label>
  <button class="plain" id="clear">Clear</button>
</div>
<div class="status" id="status">connecting …</div>
<script>
'use strict';
const canvas = document.getElementById('board'), ink = canvas.getContext('2d'), status = document.getElementById('status');
const colors = ['#1c2530', '#d7263d', '#f08a24', '#2a9d5c', '#1f6feb', '#8a3ffc'];
let color = colors[Math.floor(Math.random() * colors.length)], lines = [], cursors = new Map(), socket = null, wait = 250, people = 0, drawing = null, ended = false;

for (const c of colors) {
  const b = document.createElement('button');
  b.className = 'swatch'; b.style.background = c; b.title = c; b.setAttribute('aria-label', 'Pen ' + c);
  b.onclick = () => { color = c; mark(); };
  b.dataset.color = c;
  document.getElementById('swatches').append(b);
}
function mark() { for (const b of document.querySelectorAll('.swatch')) b.setAttribute('aria-pressed', b.dataset.color === color); }
mark();

// The board is 1600 by 1000 units, as large as fits, in the middle.
function view() {
  const scale = Math.min(innerWidth / 1600, innerHeight / 1000);
  return { scale, x: (innerWidth - 1600 * scale) / 2, y: (innerHeight - 1000 * scale) / 2 };
}
function stroke(line) {
  const p = line.points;
  ink.strokeStyle = line.color; ink.lineWidth = line.width; ink.lineCap = ink.lineJoin = 'round';
  ink.beginPath(); ink.moveTo(p[0], p[1]);
  for (let i = 2; i < p.length; i += 2) ink.lineTo(p[i], p[i + 1]);
  ink.stroke();
}
function transform() {
  const v = view(), r = devicePixelRatio || 1;
  ink.setTransform(v.scale * r, 0, 0, v.scale * r, v.x * r, v.y * r);
}
function redraw() {
  const r = devicePixelRatio || 1;
  canvas.width = innerWidth * r; canvas.height = innerHeight * r;
  transform();
  for (const line of lines) stroke(line);
  for (const c of cursors.values()) { ink.fillStyle = '#1f6feb88'; ink.beginPath(); ink.arc(c.x, c.y, 7, 0, 7); ink.fill(); }
}
addEventListener('resize', redraw);

function show() {
  const on = socket && socket.readyState === 1;
  status.innerHTML = '';
  const b = document.createElement('b');
  b.textContent = on ? (people === 1 ? 'You are alone here' : people + ' people here') : 'not connected, trying again';
  b.className = on ? '' : 'off';
  status.append(b);
  document.body.dataset.connected = on; document.body.dataset.people = people; document.body.dataset.lines = lines.length;
}
// True when the session is no more: whoever stands in front of it says so, for this address.
async function over() {
  try {
    const answer = await fetch(location.href, { headers: { accept: 'application/problem+json' }, cache: 'no-store' });
    if (answer.status !== 410 && answer.status !== 404) return false;
    const told = await answer.json().catch(() => ({}));
    ended = true;
    status.innerHTML = '';
    const b = document.createElement('b'), more = document.createElement('a');
    b.className = 'off'; b.textContent = 'This board has ended. ' + (told.detail || '') + ' ';
    more.href = location.href; more.textContent = 'More';
    status.append(b, more);
    document.body.dataset.ended = true;
    return true;
  } catch { return false; }
}
function connect() {
  const url = new URL('ws', location.href);
  url.protocol = url.protocol.replace('http', 'ws'); url.search = ''; url.hash = '';
  socket = new WebSocket(url);
  socket.onopen = () => { wait = 250; show(); };
  socket.onclose = async () => { show(); if (await over()) return; setTimeout(connect, wait); wait = Math.min(wait * 2, 8000); };
  socket.onmessage = e => {
    const m = JSON.parse(e.data);
    if (m.type === 'welcome') { lines = m.lines; cursors.clear(); redraw(); }
    if (m.type === 'line') { lines.push(m); stroke(m); }
    if (m.type === 'clear') { lines = []; redraw(); }
    if (m.type === 'people') { people = m.count; if (cursors.size) { cursors.clear(); redraw(); } }
    if (m.type === 'cursor') { cursors.set(m.by, m); requestAnimationFrame(redraw); }
    show();
  };
}
function send(m) { if (socket && socket.readyState === 1) socket.send(JSON.stringify(m)); }
function place(e) { const v = view(); return [Math.round((e.clientX - v.x) / v.scale), Math.round((e.clientY - v.y) / v.scale)]; }

canvas.addEventListener('pointerdown', e => {
  if (ended) return;
  canvas.setPointerCapture(e.pointerId);
  const [x, y] = place(e);
  drawing = { type: 'line', points: [x, y], color, width: Number(document.getElementById('width').value) };
});
let lastCursor = 0;
canvas.addEventListener('pointermove', e => {
  const [x, y] = place(e);
  if (e.timeStamp - lastCursor > 60) { lastCursor = e.timeStamp; send({ type: 'cursor', x, y }); }
  if (!drawing) return;
  const p = drawing.points;
  p.push(x, y);
  stroke({ ...drawing, points: p.slice(-4) });
  if (p.length >= 16) flush();
});
function flush() {
  if (!drawing || drawing.points.length < 4) return;
  lines.push({ ...drawing }); send(drawing);
  drawing = { ...drawing, points: drawing.points.slice(-2) };
  show();
}
function finish() {
  if (!drawing) return;
  if (drawing.points.length === 2) drawing.points.push(drawing.points[0] + 0.1, drawing.points[1]);
  stroke(drawing); flush(); drawing = null;
}
canvas.addEventListener('pointerup', finish);
canvas.addEventListener('pointercancel', finish);
document.getElementById('clear').onclick = () => send({ type: 'clear' });
redraw(); connect();
</script>
</body>
</html>
)page";

}  // namespace whiteboard
