// Scrolls back through a topic of five thousand posts while it is still filling
// up, newest first and in bulk, in a real browser against the mock. In every
// frame the topmost message in view must be where the last frame and the
// script's own scrolling put it; in the end all posts were reached, in order,
// none twice, and never more than a few hundred rows were held.
//
//	node desktop/ui/e2e/scroll-back.mjs [--pictures DIR] [--alone]
//
// With --alone the browser does not anchor scrolling, as some do not.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { start } from '../mock/server.mjs';

const args = process.argv.slice(2);
const pictures = args.includes('--pictures') ? args[args.indexOf('--pictures') + 1] : undefined;
if (pictures) mkdirSync(pictures, { recursive: true });
const total = 5000;
const failures = [];
const fail = (what) => failures.length < 20 && failures.push(what);
const step = (what) => console.log(`  ${what}`);

async function until(what, done, seconds = 60) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const value = await done();
    if (value) return value;
    if (Date.now() > end) throw new Error(`${what}: still not after ${seconds} s`);
    await new Promise((r) => setTimeout(r, 50));
  }
}

// watcher runs in the page. It scrolls as it is told, and before every frame is
// painted it compares where things are with where they should be.
function watcher() {
  const box = document.querySelector('.scroller');
  const w = {
    plan: [], // [[what, frames]…], over and over
    own: 0, // how far the script itself has moved what is in view since the last look
    frames: 0,
    worst: 0,
    most: 0, // rows held at once
    seen: new Set(),
    problems: [],
    free: false, // somebody else scrolls: only the direction is looked at
  };
  window.watcher = w;
  let before = new Map();
  let topmost = '';
  const problem = (text) => w.problems.length < 20 && w.problems.push(`frame ${w.frames}: ${text}`);

  function look() {
    w.frames++;
    const edge = box.getBoundingClientRect().top;
    const rows = [...box.querySelectorAll('[data-id]')];
    const now = new Map();
    let first = '';
    let last = 0;
    for (const row of rows) {
      const number = Number.parseInt(row.querySelector('.text').textContent, 10);
      if (!(number > last)) problem(`post ${number} stands behind post ${last}`);
      last = number;
      const r = row.getBoundingClientRect();
      if (r.bottom < edge - 600 || r.top > edge + box.clientHeight + 600) continue;
      now.set(row.dataset.id, row.querySelector('.text').getBoundingClientRect().top);
      if (r.bottom - 12 > edge && r.top < edge + box.clientHeight) {
        first ||= row.dataset.id;
        w.seen.add(number);
      }
    }
    w.most = Math.max(w.most, rows.length);
    // Rows below one that was put in between have to move, the topmost one has not.
    const off = [topmost, first].filter((id) => before.has(id) && now.has(id)).map((id) => now.get(id) - before.get(id) - w.own);
    const by = w.free ? Math.max(0, ...off.map((x) => -x)) : Math.min(...off.map(Math.abs));
    if (off.length > 0 && Number.isFinite(by)) {
      w.worst = Math.max(w.worst, by);
      if (by > 2) problem(`the view jumped by ${by.toFixed(1)} px (scrolled by ${w.own})`);
    } else if (before.size > 0 && !w.free && w.own < 600 && w.own > -600) problem('nothing that was in view is left');
    before = now;
    topmost = first;
    w.own = 0;
  }

  // A thing that changes its size in each frame is heard of when the page itself
  // has reacted to all of the layout, right before it is painted.
  const probe = document.createElement('div');
  probe.style.cssText = 'position:fixed;inset-block-start:0;block-size:1px;pointer-events:none';
  document.body.append(probe);
  new ResizeObserver(look).observe(probe);
  let at = 0;
  let left = 0;
  function frame() {
    if (w.plan.length > 0) {
      if (left-- <= 0 || at >= w.plan.length) {
        at = (at + 1) % w.plan.length;
        left = w.plan[at][1];
      }
      const from = box.scrollTop;
      const what = w.plan[at][0];
      if (what === 'top') box.scrollTop = 0;
      else if (what !== 'rest') box.scrollTop += what;
      w.own += from - box.scrollTop;
    }
    probe.style.inlineSize = `${1 + (w.frames % 2)}px`;
    requestAnimationFrame(frame);
  }
  requestAnimationFrame(frame);
}

async function walk(browser) {
  const server = await start();
  const context = await browser.newContext({ viewport: { width: 1180, height: 760 } });
  const page = await context.newPage();
  page.setDefaultTimeout(20000);
  let expectErrors = false;
  page.on('console', (m) => m.type() === 'error' && !expectErrors && fail(`console: ${m.text()} ${m.location().url}`));
  page.on('pageerror', (e) => fail(`script: ${e.stack ?? e}`));
  await page.goto(`${server.base}/#code=${server.mock.code().code}`);
  await page.locator('nav li a').first().waitFor();
  const picture = (name) => pictures && page.screenshot({ path: join(pictures, `scroll-back-${name}.png`) });
  const get = (what) => page.evaluate((k) => (k === 'seen' ? [...window.watcher.seen] : window.watcher[k]), what);
  const set = (what) => page.evaluate((v) => void Object.assign(window.watcher, v), what);
  const frames = async (n) => {
    const from = await get('frames');
    await until(`${n} frames`, async () => (await get('frames')) >= from + n);
  };
  const arriving = () => page.locator('header [role=progressbar]').count();

  step('history arrives, and the newest of it is read at once');
  const { topic } = server.mock.fill({ ms: 14_000, total });
  await page.locator('nav li a', { hasText: 'A long history' }).click();
  await page.locator('article', { hasText: '5000.' }).waitFor();
  if (!(await arriving())) fail('there is no progress bar');
  if (args.includes('--alone')) await page.locator('.scroller').evaluate((el) => (el.style.overflowAnchor = 'none'));
  await page.evaluate(watcher);

  step('scrolling back, resting, and running ahead of what has arrived');
  await set({ plan: [[-90, 40], ['rest', 25], [-260, 15], ['top', 12], ['rest', 15], [140, 12], ['rest', 10]] });
  await until('some of it', async () => (await get('frames')) > 150);
  await picture('arriving');

  step('with the wheel and with the thumb of the scrollbar');
  await set({ plan: [], free: true });
  const box = await page.locator('.scroller').boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  for (let i = 0; i < 12; i++) {
    await page.mouse.wheel(0, -180);
    await frames(4);
  }
  const thumb = await page.locator('.scroller').evaluate((el) => el.getBoundingClientRect().top + ((el.scrollTop + el.clientHeight / 2) / el.scrollHeight) * el.clientHeight);
  await page.mouse.move(box.x + box.width - 4, thumb);
  await page.mouse.down();
  for (let i = 1; i <= 12; i++) {
    await page.mouse.move(box.x + box.width - 4, thumb - 2 * i);
    await frames(4);
  }
  await page.mouse.up();
  await frames(3);
  await set({ free: false, own: 0 });
  await frames(2);

  step('until all of it is here');
  await set({ plan: [[-90, 40], ['rest', 25], ['top', 14], ['rest', 15]] });
  await until('the last record', async () => !(await arriving()));
  await page.locator('header', { hasText: 'All here' }).waitFor();

  step('a long draft and a node that is away for a moment move nothing');
  await set({ plan: [['rest', 1]] });
  await frames(3);
  await page.locator('textarea').fill('one\ntwo\nthree\nfour\nfive');
  await frames(5);
  expectErrors = true;
  server.mock.down({ ms: 800 });
  await page.locator('.offline').waitFor();
  await page.locator('.offline').waitFor({ state: 'detached' });
  await frames(5);
  expectErrors = false;
  await page.locator('textarea').fill('');

  step('up to the first post, and down to the last');
  await set({ plan: [['top', 1]] });
  await until('the first post', () => page.evaluate(() => document.querySelector('.scroller').scrollTop === 0 && document.querySelector('article .text').textContent.startsWith('1. ')), 120);
  await frames(5);
  await picture('first');
  await page.evaluate(() => window.watcher.seen.clear());
  await frames(2);
  await set({ plan: [[520, 1]] });
  await until('the last post', async () => (await page.evaluate(() => { const b = document.querySelector('.scroller'); return b.scrollHeight - b.scrollTop - b.clientHeight < 2; })) && (await page.locator('article', { hasText: '5000.' }).count()) > 0, 180);
  await frames(5);
  await picture('last');

  const seen = new Set(await get('seen'));
  const lost = Array.from({ length: total }, (_, i) => i + 1).filter((n) => !seen.has(n));
  if (lost.length > 0) fail(`${lost.length} posts were never reached: ${lost.slice(0, 10).join(', ')}…`);
  if ((await get('most')) > 400) fail(`${await get('most')} rows were held`);
  for (const p of await get('problems')) fail(p);
  const [frameCount, worst, most] = [await get('frames'), await get('worst'), await get('most')];
  step('what comes in bulk at the end does not push out of sight what is read');
  await page.locator('nav li a', { hasText: 'River watch' }).click();
  await page.locator('header h1', { hasText: 'River watch' }).waitFor();
  await page.locator('nav li a', { hasText: 'A long history' }).click();
  await page.locator('article', { hasText: '5000.' }).waitFor();
  const below = () => page.evaluate(() => { const b = document.querySelector('.scroller'); return b.scrollHeight - b.scrollTop - b.clientHeight; });
  server.mock.bulk({ topic, n: 2 });
  await page.locator('article', { hasText: '5002.' }).waitFor();
  if ((await below()) > 2) fail('two new posts were not followed');
  server.mock.bulk({ topic, n: 30 });
  await page.locator('article', { hasText: '5032.' }).waitFor({ state: 'attached' });
  await page.locator('.fresh').waitFor();
  if (!(await page.locator('article', { hasText: '5002.' }).isVisible()) || (await below()) < 1000) fail('thirty new posts pushed away what was read');
  await page.getByRole('button', { name: /Go to the newest message, \d+ unread/ }).waitFor();
  await picture('bulk');

  step(`${frameCount} frames, ${worst.toFixed(1)} px at worst, ${most} rows at most`);
  await context.close();
  server.close();
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  ignoreDefaultArgs: ['--hide-scrollbars'],
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
try {
  await walk(browser);
} catch (e) {
  fail(e.message);
  for (const c of browser.contexts())
    for (const p of c.pages()) {
      for (const x of await p.evaluate(() => window.watcher?.problems ?? []).catch(() => [])) fail(x);
      if (pictures) await p.screenshot({ path: join(pictures, 'scroll-back-FAILED.png') }).catch(() => {});
    }
}
await browser.close();
console.log(failures.length === 0 ? '1 passed, 0 failed' : failures.map((f) => ` - ${f}`).join('\n') + '\n0 passed, 1 failed');
process.exit(failures.length === 0 ? 0 : 1);
