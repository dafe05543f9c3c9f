// The demo as a person with two browser tabs: button, waiting page, board, strokes in the other tab. Prints one JSON line; screenshots go
// to the folder given. Usage: node board.mjs URL FOLDER
import { chromium } from 'playwright-core';

const [url, folder] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const problems = [];
const facts = {};

function watch(page, name) {
  page.on('pageerror', error => problems.push(`${name}: ${error.message}`));
  // Pages of ours that say "not yet" or "no such session" come with 503, 404 and 410: the browser notes those on its console.
  page.on('console', message => {
    const expected = /status of (503|410)/.test(message.text()) || (name === 'refused' && /status of 404/.test(message.text()));
    if (message.type() === 'error' && !expected) problems.push(`${name}: console: ${message.text()} ${message.location().url}`);
  });
}
const shot = (page, name) => page.screenshot({ path: `${folder}/${name}.png` });
const darkPixels = page => page.evaluate(() => {
  const canvas = document.getElementById('board');
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  let count = 0;
  for (let i = 3; i < data.length; i += 4) if (data[i] > 128) ++count;
  return count;
});

async function draw(page, from, to) {
  await page.mouse.move(...from);
  await page.mouse.down();
  for (let i = 1; i <= 20; ++i) await page.mouse.move(from[0] + (to[0] - from[0]) * i / 20, from[1] + (to[1] - from[1]) * i / 20 + 40 * Math.sin(i / 3));
  await page.mouse.up();
}

try {
  const context = await browser.newContext({ viewport: { width: 1100, height: 700 } });
  const first = await context.newPage();
  watch(first, 'first tab');
  await first.goto(url, { timeout: 15000 });
  facts.landingTitle = await first.title();
  await shot(first, '1-landing');
  const waiting = [];
  first.on('framenavigated', frame => waiting.push(frame.url()));
  await first.getByRole('button', { name: 'New board' }).click();
  await first.waitForFunction(() => document.body.dataset.connected === 'true', null, { timeout: 15000 });
  facts.boardUrl = first.url();
  await shot(first, '2-board');

  const second = await context.newPage();
  watch(second, 'second tab');
  await second.goto(facts.boardUrl, { timeout: 15000 });
  await second.waitForFunction(() => document.body.dataset.people === '2', null, { timeout: 10000 });
  facts.emptyBefore = await darkPixels(second);
  await draw(first, [200, 200], [600, 420]);
  await second.waitForFunction(() => Number(document.body.dataset.lines) > 0, null, { timeout: 10000 });
  facts.seenBySecond = await darkPixels(second);
  const linesBefore = await first.evaluate(() => Number(document.body.dataset.lines));
  await draw(second, [300, 500], [800, 250]);
  await first.waitForFunction(before => Number(document.body.dataset.lines) > before, linesBefore, { timeout: 10000 });
  facts.seenByFirst = await darkPixels(first);
  await shot(first, '3-first-tab');
  await shot(second, '4-second-tab');

  // The session is ended: an open board says so, and draws no more.
  const name = new URL(first.url()).pathname.split('/')[2];
  await first.request.delete(new URL('/api/backend/' + name, url).href);
  await first.waitForFunction(() => document.body.dataset.ended === 'true', null, { timeout: 15000 });
  facts.endedText = await first.evaluate(() => document.getElementById('status').innerText);
  await shot(first, '5-ended');

  // A session that is starting: the waiting page follows its states and comes to the board by itself.
  if (process.env.SLOW_IMAGE) {
    const third = await context.newPage();
    watch(third, 'waiting page');
    const spawned = await third.request.post(new URL('/api/spawn', url).href, { data: { image: process.env.SLOW_IMAGE } });
    const slow = await spawned.json();
    // As it came: on a busy machine the page may be on its way to the board before anything could be asked of it.
    const waitingPage = await (await third.goto(slow.url, { timeout: 15000 })).text();
    facts.waitingTitle = /<title>(.*?)<\/title>/s.exec(waitingPage)?.[1];
    await shot(third, '6-waiting');
    await third.waitForFunction(() => document.body.dataset.connected === 'true', null, { timeout: 20000 });
    const fourth = await context.newPage();
    const failed = await (await fourth.request.post(new URL('/api/spawn', url).href, { data: { image: 'nowhere' } })).json();
    await fourth.waitForTimeout(500);
    await fourth.goto(failed.url, { timeout: 15000 });
    facts.failedText = await fourth.evaluate(() => document.body.innerText);
    await shot(fourth, '7-failed');
    const fifth = await context.newPage();
    watch(fifth, 'refused');
    await fifth.goto(new URL('/p/nobody/', url).href, { timeout: 15000 });
    facts.unknownText = await fifth.evaluate(() => document.body.innerText);
    await shot(fifth, '8-unknown');
  }
} catch (error) {
  problems.push(String(error));
} finally {
  await browser.close();
}
console.log(JSON.stringify({ facts, problems }));
process.exit(problems.length ? 1 : 0);
