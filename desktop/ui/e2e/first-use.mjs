// The whole first use, in a real browser, between two real nodes on loopback:
// name, topic, link, preview, join, talk, scroll back, search, draft, a node
// that stops and comes back. Fails on any console error, policy violation or
// finding of axe.
//
//	node desktop/ui/e2e/first-use.mjs PROGRAM [--pictures DIR]
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { chromium } from 'playwright-core';

const args = process.argv.slice(2);
if (!args[0]) {
  console.error('usage: first-use.mjs PROGRAM [--pictures DIR]');
  process.exit(2);
}
const program = resolve(args[0]);
const pictures = args.includes('--pictures') ? args[args.indexOf('--pictures') + 1] : undefined;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'linnet-first-use-'));
const failures = [];
const started = [];
let expectErrors = false; // while a node is down on purpose

const fail = (what) => failures.push(what);
const step = (what) => console.log(`  ${what}`);

async function until(what, done, seconds = 20) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const value = await done();
    if (value) return value;
    if (Date.now() > end) throw new Error(`${what}: still not after ${seconds} s`);
    await new Promise((r) => setTimeout(r, 50));
  }
}

// run starts the program on a folder of its own and waits for its discovery file.
async function run(name) {
  const dir = join(folder, name);
  const file = join(dir, 'api.json');
  const old = existsSync(file) ? readFileSync(file, 'utf8') : '';
  // The page's port stays the same over a restart: the node remembers it.
  const child = spawn(program, ['run', '--no-browser', '--lan-only', '--no-mdns', '--data', dir, '--ui', `127.0.0.1:${ports[name] ?? 0}`, '--listen', '/ip4/127.0.0.1/tcp/0'], { stdio: ['ignore', 'ignore', 'inherit'] });
  started.push(child);
  const text = await until(`${name} runs`, () => {
    const now = existsSync(file) ? readFileSync(file, 'utf8') : '';
    return now !== old && now.trimEnd().endsWith('}') && now;
  });
  const { url, token } = JSON.parse(text);
  ports[name] = new URL(url).port;
  return { child, url, token };
}
const ports = {};

async function call(node, method, path, body) {
  const answer = await fetch(`${node.url}/api/v1${path}`, {
    method,
    headers: { Authorization: `Bearer ${node.token}`, ...(body ? { 'Content-Type': 'application/json' } : {}) },
    body: body && JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.status === 204 ? undefined : answer.json();
}

async function open(browser, node, name, colorScheme) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme, reducedMotion: 'reduce', permissions: ['clipboard-read', 'clipboard-write'] });
  await context.addInitScript(() => addEventListener('securitypolicyviolation', (e) => console.error('policy violation', e.violatedDirective, e.sourceFile)));
  const page = await context.newPage();
  page.setDefaultTimeout(20000);
  page.on('console', (m) => m.type() === 'error' && !expectErrors && fail(`${name}, console: ${m.text()} ${m.location().url}`));
  page.on('pageerror', (e) => fail(`${name}, script: ${e.message}`));
  await page.goto((await call(node, 'POST', '/session/codes')).url);
  return page;
}

async function look(page, name) {
  const { violations } = await page.evaluate(`${axe}; axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })`);
  for (const v of violations) fail(`${name}, axe: ${v.id} at ${v.nodes.map((n) => n.target).join(' ')}`);
  if (pictures) await page.screenshot({ path: join(pictures, `${name}.png`) });
}

const article = (page, text) => page.locator('article', { hasText: text }).first();
const write = async (page, text) => {
  await page.locator('textarea').fill(text);
  await page.keyboard.press('Enter');
  await article(page, text).waitFor();
};

async function walk(browser) {
  let ida = await run('ida');
  const marta = await run('marta');

  step('the first start asks for a name and nothing else, by keyboard alone');
  const A = await open(browser, ida, 'ida', 'light');
  const B = await open(browser, marta, 'marta', 'dark');
  for (const [page, name] of [[A, 'Ida'], [B, 'Marta']]) {
    await page.getByLabel('What should people call you?').waitFor();
    if (page === A) await look(page, 'first-start');
    await page.keyboard.type(name);
    await page.keyboard.press('Enter');
    await page.locator('.two button:visible').first().waitFor();
  }
  if (A.url().includes('code=')) fail('the one-time code stays in the address');
  await look(A, 'empty');

  step('a topic, its link and its QR code');
  await A.locator('.two button:visible').first().click();
  await A.keyboard.type('Lime Street neighbours');
  await A.keyboard.press('Enter');
  await A.getByText('Your topic is ready').waitFor();
  await look(A, 'share');
  const link = await A.locator('#share-link').inputValue();
  if (!link.startsWith('linnet:')) fail(`link ${link}`);
  await A.getByRole('button', { name: 'Done' }).click();
  await write(A, 'First words, see https://example.org/x');
  await article(A, 'On this computer').waitFor();

  step('the link is opened after a preview');
  await B.locator('.two button:visible', { hasText: 'Open a link' }).click();
  await B.getByLabel('Paste the link').fill('not a link');
  expectErrors = true; // the browser logs the 422
  await B.getByRole('button', { name: 'Look' }).click();
  await B.getByText('begins with').waitFor();
  expectErrors = false;
  await B.getByLabel('Paste the link').fill(`Come and join us: ${link}`);
  await B.getByRole('button', { name: 'Look' }).click();
  await B.getByText('Lime Street neighbours').first().waitFor();
  await look(B, 'preview');
  await B.getByRole('button', { name: 'Join' }).click();

  step('they talk');
  await article(B, 'First words').waitFor();
  await write(B, 'I can read you');
  await article(A, 'I can read you').waitFor();
  await article(A, 'Marta').waitFor();
  await A.locator('article', { hasText: 'First words' }).locator('.state.stored').waitFor();
  await look(A, 'talk-light');
  await look(B, 'talk-dark');

  step('hostile text stays text');
  await write(B, '<img src=x onerror=alert(1)> <script>alert(1)</script> javascript:alert(1)');
  await article(A, '<script>alert(1)</script>').waitFor();

  step('scrolling back through pages of history');
  const topic = (await call(marta, 'GET', '/topics')).items[0];
  for (let i = 0; i < 180; i++) await call(marta, 'POST', `/topics/${topic.id}/messages`, { text: `Minute ${i} of the long meeting` });
  await article(A, 'Minute 179 ').waitFor();
  await until('the first message comes back', async () => {
    await A.locator('article').first().scrollIntoViewIfNeeded();
    await A.mouse.move(700, 400);
    await A.mouse.wheel(0, -1500);
    return (await A.locator('article', { hasText: 'First words' }).count()) > 0;
  }, 40);

  step('the topic goes on a stick to somebody without a network');
  await A.getByRole('button', { name: 'About this topic' }).click();
  await A.getByText('Is everything here?').waitFor();
  await look(A, 'about');
  await A.getByRole('button', { name: 'Save to a file' }).click();
  const [file] = await Promise.all([A.waitForEvent('download'), A.locator('dialog .primary').click()]);
  if (!/^Lime-Street-neighbours-.*\.linnet$/.test(file.suggestedFilename())) fail(`the file is called ${file.suggestedFilename()}`);
  const stick = join(folder, file.suggestedFilename());
  await file.saveAs(stick);
  await A.getByRole('button', { name: 'Done' }).click();
  await A.getByRole('button', { name: 'About this topic' }).click();
  const carl = await run('carl');
  const C = await open(browser, carl, 'carl', 'light');
  await C.getByLabel('What should people call you?').waitFor();
  await C.keyboard.type('Carl');
  await C.keyboard.press('Enter');
  await C.getByRole('button', { name: 'Open a file from a stick or a mail' }).and(C.locator(':visible')).click();
  expectErrors = true; // the browser logs the 422
  await C.locator('dialog input[type=file]').setInputFiles({ name: 'holiday.jpg', mimeType: 'image/jpeg', buffer: Buffer.alloc(2_000_000, 7) });
  await C.getByRole('alert').waitFor();
  expectErrors = false;
  await C.locator('dialog input[type=file]').setInputFiles(stick);
  await C.getByText('A topic that you can follow is in this file').waitFor();
  await look(C, 'stick');
  await C.getByRole('button', { name: 'Follow' }).click();
  await C.getByText('new records are here now').waitFor();
  await look(C, 'stick-followed');
  await C.getByRole('button', { name: 'Show it' }).click();
  await article(C, 'Minute 179 ').waitFor();
  await C.context().close();
  carl.child.kill('SIGTERM');

  step('unread, search, draft');
  await A.keyboard.press('Control+Shift+F');
  await A.locator('.search input').fill('minute 7 meeting');
  await A.locator('.results a').first().waitFor();
  await A.keyboard.press('Escape');
  await A.locator('textarea').fill('a draft to keep');
  await until('the draft is kept', async () => (await call(ida, 'GET', `/topics/${topic.id}`)).draft === 'a draft to keep');
  await A.getByRole('button', { name: /Who can be/ }).first().click();
  await A.getByText(/Connected to \d+ p/).first().waitFor();
  await look(A, 'reach');
  await A.keyboard.press('Escape');

  step('the node stops; the page says so, and it is all there after a restart');
  expectErrors = true;
  ida.child.kill('SIGTERM');
  await A.locator('.offline').waitFor();
  if ((await A.locator('textarea').inputValue()) !== 'a draft to keep') fail('the draft went with the node');
  await until('it has stopped', () => ida.child.exitCode !== null);
  if (ida.child.exitCode !== 0) fail(`the program ended with ${ida.child.exitCode}`);
  ida = await run('ida');
  await A.getByRole('heading', { name: 'Linnet was started anew' }).waitFor({ timeout: 40000 });
  await look(A, 'restarted');
  await A.goto((await call(ida, 'POST', '/session/codes')).url);
  expectErrors = false;
  await article(A, 'Minute 179 ').waitFor();
  if ((await A.locator('textarea').inputValue()) !== 'a draft to keep') fail('the draft is gone after the restart');
  await A.locator('textarea').fill('');
  await until('the two find each other again', async () => (await call(ida, 'GET', '/node')).peers >= 1);
  await write(A, 'back again');
  await article(B, 'back again').waitFor();
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
try {
  await walk(browser);
} catch (e) {
  fail(e.message);
  for (const c of browser.contexts()) for (const p of c.pages()) await p.screenshot({ path: join(tmpdir(), `linnet-first-use-failed-${failures.length++}.png`) }).catch(() => {});
}
await browser.close();
for (const child of started) {
  if (child.exitCode === null) child.kill('SIGTERM');
}
await until('the programs end', () => started.every((c) => c.exitCode !== null || c.signalCode !== null)).catch((e) => fail(e.message));
rmSync(folder, { recursive: true, force: true });
console.log(failures.length === 0 ? '1 passed, 0 failed' : failures.filter(Boolean).map((f) => ` - ${f}`).join('\n') + '\n0 passed, 1 failed');
process.exit(failures.length === 0 ? 0 : 1);
