// Walks every screen of the page in a real browser, takes pictures of it, and
// fails on any policy violation, console error or finding of axe.
//
//	npm run look -- /tmp/pictures [--base http://127.0.0.1:PORT/#code=…] [--quick]
//
// Without --base it starts the mock. Against a real node only the screens that
// need nothing played are visited.
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { start } from '../mock/server.mjs';

const args = process.argv.slice(2);
const value = (name) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
const folder = args[0] && !args[0].startsWith('--') ? args[0] : '/tmp/linnet-look';
const quick = args.includes('--quick');
const only = value('--only');
const given = value('--base');
mkdirSync(folder, { recursive: true });

const sizes = [
  ['phone', 390, 844],
  ['tablet', 768, 1024],
  ['laptop', 1280, 800],
  ['wide', 1680, 1050],
].filter(([n]) => !only || n === only);
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

const failures = [];
let looked = 0;

for (const [size, width, height] of sizes) {
  for (const theme of quick ? ['light'] : ['light', 'dark']) {
    await walk(size, width, height, theme);
  }
}
await browser.close();
console.log(`${looked} screens, ${failures.length} failures, pictures in ${folder}`);
for (const f of failures) console.log(' - ' + f);
process.exit(failures.length > 0 ? 1 : 0);

async function walk(size, width, height, theme) {
  const server = given ? null : await start();
  const phone = size === 'phone';
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: theme,
    reducedMotion: 'reduce',
    hasTouch: phone,
    isMobile: phone,
    deviceScaleFactor: phone ? 2 : 1,
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  const page = await context.newPage();
  page.setDefaultTimeout(8000);
  let expectErrors = false;
  page.on('console', (m) => {
    if (m.location().url.endsWith('/messages/not-here')) return; // a reply to what is not here
    if (m.type() === 'error' && !(expectErrors && /Failed to load resource/.test(m.text()))) failures.push(`${size} ${theme}: console: ${m.text()} ${m.location().url}`);
  });
  page.on('pageerror', (e) => failures.push(`${size} ${theme}: ${e.stack ?? e}`));
  page.on('dialog', (d) => (failures.push(`${size} ${theme}: a dialog opened: ${d.message()}`), d.dismiss()));
  await page.addInitScript(() => addEventListener('securitypolicyviolation', (e) => console.error('policy: ' + e.violatedDirective + ' ' + e.sourceFile + ':' + e.lineNumber)));

  const look = async (name) => {
    looked++;
    await page.waitForTimeout(120);
    await page.screenshot({ path: join(folder, `${size}-${theme}-${name}.png`) });
    const found = await page.evaluate(`${axe}; axe.run(document, { runOnly: ['wcag2a','wcag2aa','wcag21a','wcag21aa','wcag22aa','best-practice'] })`);
    for (const v of found.violations) failures.push(`${size} ${theme} ${name}: axe ${v.id}: ${v.nodes.slice(0, 3).map((n) => n.target.join(' ') + ' ' + (n.any[0]?.message ?? '')).join(' | ')}`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (wide > 0) failures.push(`${size} ${theme} ${name}: wider than the screen by ${wide}`);
  };
  const signIn = async () => {
    await page.goto(given ?? `${server.base}/#code=${server.mock.code().code}`);
    await page.reload(); // the token is kept by the tab
  };
  const pick = async (name) => {
    if (phone && (await page.locator('header .back').isVisible())) await page.locator('header .back').click();
    await page.locator('nav li a', { hasText: name }).first().click();
    await page.locator('.list.shown').waitFor();
  };
  const press = (keys) => page.keyboard.press(keys);
  const button = (name) => page.getByRole('button', { name, exact: true });
  const visible = (name) => button(name).and(page.locator(':visible')).first();
  const step = async (name, what) => {
    try {
      await what();
    } catch (err) {
      failures.push(`${size} ${theme} ${name}: ${String(err.message).split('\n').slice(0, 3).join(' ')}`);
      await page.screenshot({ path: join(folder, `${size}-${theme}-FAILED-${name}.png`) });
    }
  };

  if (server) {
    await step('01-signed-out', async () => {
      await page.goto(server.base);
      await page.getByRole('heading', { name: 'This tab is not signed in' }).waitFor();
      await look('01-signed-out');
    });
    await page.goto('about:blank');
    server.mock.scenario({ name: 'fresh' });
    await step('02-first-start', async () => {
      await page.goto(`${server.base}/#code=${server.mock.code().code}`);
      await page.getByLabel('What should people call you?').waitFor();
      if (page.url().includes('code=')) throw new Error('the code is still in the address');
      await look('02-first-start');
      await page.keyboard.type('Ida');
      await press('Enter');
      await visible('Start a topic').or(page.getByText('Start a topic').and(page.locator(':visible'))).first().waitFor();
      await look('03-empty');
    });
    await step('04-new', async () => {
      await page.locator('.two button:visible', { hasText: 'Start a topic' }).click();
      await look('04-new-topic');
      await page.keyboard.type('Bakery queue');
      await press('Enter');
      await page.getByText('Your topic is ready').waitFor();
      await look('05-share');
      await button('Copy link').click();
      await page.getByText('Link copied').waitFor();
      await button('Done').click();
      await look('06-own-empty');
    });
    await step('07-open-link', async () => {
      if (phone) await page.locator('header .back').click();
      await visible('Open a link').click();
      await page.keyboard.type('https://elsewhere.example/');
      expectErrors = true;
      await button('Look').click();
      await page.getByRole('alert').waitFor();
      expectErrors = false;
      await look('07-open-link-bad');
      await page.getByLabel('Paste the link').fill('linnet:claimed');
      await button('Look').click();
      await button('Join').waitFor();
      await look('08-open-link-claimed');
      await button('Join').click();
      await page.locator('.list.shown').waitFor();
    });
    await page.goto('about:blank');
    server.mock.scenario({ name: 'full' });
  }
  await signIn();
  await page.locator('nav li a').first().waitFor();
  await look('10-list');
  if (!server) return context.close();

  await step('11-channel', async () => {
    await pick('Harbour News');
    await page.locator('.fresh').waitFor();
    await look('11-channel-unread');
  });
  await step('12-room', async () => {
    await pick('Lime Street');
    await look('12-room');
    await page.locator('article').nth(-3).focus();
    await look('13-room-focus');
    await press('r');
    await page.keyboard.type('Thank you all! I will bring it to the town hall on Monday, and I will ask about the second tree while I am there.');
    await look('14-reply');
    await press(phone ? 'Control+Enter' : 'Enter');
    await page.locator('article', { hasText: 'town hall on Monday' }).waitFor();
    await page.locator('article', { hasText: 'town hall on Monday' }).getByText('Handed to 2').waitFor();
    await page.locator('textarea').fill('This will #fail');
    expectErrors = true;
    await press('Control+Enter');
    await page.getByRole('alert').waitFor();
    expectErrors = false;
    await look('15-send-failed');
    if ((await page.locator('textarea').inputValue()) !== 'This will #fail') throw new Error('the text was lost');
    await page.locator('textarea').fill('');
  });
  await step('16-message-details', async () => {
    await page.locator('article').nth(-2).focus();
    await page.locator('article').nth(-2).getByRole('button', { name: 'Details' }).click();
    await look('16-message-details');
    await press('Escape');
  });
  await step('17-about', async () => {
    await button('About this topic').click();
    await page.getByText('Is everything here?').waitFor();
    await look('17-about');
    await visible('Leave this topicLime Street neighbours').or(page.locator('.leave:visible')).first().click();
    await look('18-leave');
    await button('Stay').click();
    if (size === 'wide' || size === 'laptop') await button('About this topic').click();
  });
  await step('19-hostile', async () => {
    await pick('very-long-name');
    await look('19-hostile');
    await page.locator('.scroller').evaluate((el) => (el.scrollTop = 0));
    await look('20-hostile-top');
  });
  await step('21-rtl', async () => {
    await pick('أخبار');
    await look('21-rtl');
  });
  for (const [n, name, shot] of [
    [22, 'reading list', 'own-channel-draft'],
    [23, 'River watch', 'missing'],
    [24, 'Open mic', 'forked'],
    [25, 'Choir', 'waiting'],
  ])
    await step(shot, async () => {
      await pick(name);
      await look(`${n}-${shot}`);
    });
  await step('26-long', () => long(page, pick, look, phone));
  await step('27-live', () => live(page, server, pick, look));
  if (size === 'laptop') await step('28-tabs', () => tabs(context, page, server, pick));
  if (size === 'laptop') await step('29-keyboard', () => keyboard(page));
  await step('30-search', async () => {
    await press('Control+Shift+F');
    await page.getByLabel('Search messages').last().fill('lime');
    await page.getByRole('button', { name: 'All topics' }).click();
    await page.locator('.results a').first().waitFor();
    await look('30-search');
    await press('ArrowDown');
    await press('Enter');
    await page.locator('article.flash').waitFor();
    await look('31-found');
  });
  await step('32-switcher', async () => {
    await press('Control+k');
    await look('32-switcher');
    await page.keyboard.type('river');
    await press('Enter');
    await page.getByRole('heading', { name: 'River watch' }).first().waitFor();
  });
  await step('33-shortcuts', async () => {
    await page.locator('article').last().focus();
    await press('?');
    await look('33-shortcuts');
    await press('Escape');
  });
  await step('34-reach', async () => {
    if (phone) await page.locator('header .back').click();
    await page.getByRole('button', { name: /Who can be reached/ }).and(page.locator(':visible')).first().click();
    await page.getByText('Advanced').click();
    await look('34-reach');
    await press('Escape');
  });
  await step('35-settings', async () => {
    await visible('Settings').click();
    await look('35-settings');
    await press('Escape');
  });
  await step('40-down', async () => {
    if (phone) await pick('River watch');
    expectErrors = true;
    server.mock.down({ ms: 3500 });
    await page.locator('.offline').waitFor();
    await look('40-down');
    await page.locator('.offline').waitFor({ state: 'detached', timeout: 15000 });
  });
  await step('41-restarted', async () => {
    server.mock.restart();
    await page.getByRole('heading', { name: 'Linnet was started anew' }).waitFor({ timeout: 15000 });
    await page.getByText('ready for you').waitFor();
    await look('41-restarted');
    // Another tab signs in, and this one follows it.
    const other = await context.newPage();
    await other.goto(`${server.base}/#code=${server.mock.code().code}`);
    await other.locator('nav li a').first().waitFor({ state: 'attached' });
    await page.locator('nav li a').first().waitFor({ state: 'attached' });
    await other.close();
  });
  await context.close();
  server.close();
}

// long scrolls five thousand posts to the top and checks that the view never jumps.
async function long(page, pick, look, phone) {
  await pick('five thousand');
  await page.locator('.fresh').waitFor();
  await look('26-long-unread');
  const box = page.locator('.scroller');
  const height = await box.evaluate((el) => el.clientHeight);
  let worst = 0;
  for (let i = 0; i < 130; i++) {
    const before = await box.evaluate((el, by) => {
      el.scrollTop += by;
      const top = el.getBoundingClientRect().top;
      const row = [...el.querySelectorAll('[data-id]')].find((r) => r.getBoundingClientRect().top > top + 100);
      return [row.dataset.id, row.getBoundingClientRect().top];
    }, height * (i < 75 ? -0.8 : 0.8));
    await page.waitForTimeout(50);
    const after = await box.evaluate((el, id) => el.querySelector(`[data-id="${id}"]`)?.getBoundingClientRect().top ?? NaN, before[0]);
    worst = Math.max(worst, Math.abs(after - before[1]));
  }
  const rows = await page.locator('article').count();
  if (!(worst <= 2)) throw new Error(`the view jumped by ${worst}px`);
  if (rows > 400) throw new Error(`${rows} rows are held`);
  await page.getByRole('button', { name: /Go to the newest message/ }).click();
  await page.locator('article', { hasText: '5000.' }).waitFor();
  await page.waitForTimeout(900);
  if (!phone) await page.locator('nav a[aria-current] .badge').waitFor({ state: 'detached' });
}

// live checks that new messages follow, keep still when one reads above, and are counted.
async function live(page, server, pick, look) {
  await pick('Lime Street');
  const id = decodeURIComponent(page.url().split('#/t/')[1]);
  server.mock.say({ topic: id, text: 'Somebody says something just now', author: 'Amina' });
  await page.locator('article', { hasText: 'something just now' }).waitFor();
  const gap = await page.locator('.scroller').evaluate((el) => el.scrollHeight - el.scrollTop - el.clientHeight);
  if (gap > 2) throw new Error(`the newest message is ${gap}px out of view`);
  await page.locator('.scroller').evaluate((el) => (el.scrollTop = 0));
  await page.waitForTimeout(100);
  for (let i = 0; i < 3; i++) server.mock.say({ topic: id, text: `And more ${i}`, author: 'Petr' });
  const far = await page.locator('.scroller').evaluate((el) => el.scrollHeight - el.clientHeight);
  if (far > 80) {
    await page.getByRole('button', { name: 'Go to the newest message, 3 unread' }).waitFor();
    await look('27-live-above');
    if ((await page.locator('.scroller').evaluate((el) => el.scrollTop)) > 10) throw new Error('the view moved');
    await page.getByRole('button', { name: /Go to the newest message/ }).click();
  }
  await page.waitForTimeout(900);
  await page.waitForFunction(() => !/Go to the newest/.test(document.body.innerText));
}

// tabs checks that one stream serves all tabs, and that another takes over.
async function tabs(context, page, server, pick) {
  await pick('Open mic');
  const id = decodeURIComponent(page.url().split('#/t/')[1]);
  const second = await context.newPage();
  await second.goto(server.base + '/'); // gets its token from the first
  await second.locator('nav li a', { hasText: 'Open mic' }).click();
  await second.locator('.list.shown').waitFor();
  await second.waitForTimeout(300);
  if (server.mock.streams() !== 1) throw new Error(`${server.mock.streams()} streams for two tabs`);
  server.mock.say({ topic: id, text: 'Heard in both tabs', author: 'Amina' });
  for (const p of [page, second]) await p.locator('article', { hasText: 'Heard in both tabs' }).waitFor();
  const third = await context.newPage();
  await third.goto(server.base + '/' + new URL(page.url()).hash);
  await third.locator('.list.shown').waitFor();
  await page.goto('about:blank'); // the tab with the stream goes away
  server.mock.say({ topic: id, text: 'Said in between', author: 'Petr' });
  for (const p of [second, third]) await p.locator('article', { hasText: 'Said in between' }).waitFor();
  await page.goto(server.base + '/' + new URL(third.url()).hash);
  await page.locator('article', { hasText: 'Said in between' }).waitFor();
  server.mock.reset();
  server.mock.say({ topic: id, text: 'After the reset', author: 'Petr' });
  for (const p of [page, second, third]) await p.locator('article', { hasText: 'After the reset' }).waitFor();
  await second.close();
  await third.close();
}

// keyboard goes through the page without a mouse.
async function keyboard(page) {
  const press = (keys) => page.keyboard.press(keys);
  const focused = () => page.evaluate(() => document.activeElement?.closest('[data-landmark]')?.tagName + ' ' + document.activeElement?.tagName);
  const expect = async (want, after) => {
    const got = await focused();
    if (got !== want) throw new Error(`after ${after} the focus is on ${got}, not on ${want}`);
  };
  await press('Control+k');
  await page.keyboard.type('lime');
  await press('Enter');
  await page.locator('h1', { hasText: 'Lime Street' }).waitFor();
  await page.locator('.list.shown').waitFor();
  await expect('SECTION TEXTAREA', 'choosing a topic');
  await press('Control+F6');
  await expect('NAV A', 'Ctrl+F6');
  await press('ArrowDown');
  await press('Enter');
  await page.locator('h1', { hasText: 'Lime Street' }).waitFor({ state: 'detached' });
  await press('Alt+ArrowUp');
  await page.locator('h1', { hasText: 'Lime Street' }).waitFor();
  await page.locator('article').last().waitFor();
  await page.locator('textarea:focus').waitFor();
  await page.waitForTimeout(300);
  await press('Shift+Tab');
  await expect('MAIN ARTICLE', 'Shift+Tab');
  await page.locator('article').last().focus();
  await press('Home');
  await press('End');
  await press('ArrowUp');
  await expect('MAIN ARTICLE', 'arrows');
  await press('r');
  await expect('SECTION TEXTAREA', 'R');
  await page.locator('.reply').waitFor();
  await press('Escape');
  await page.locator('.reply').waitFor({ state: 'detached' });
  await page.keyboard.type('typed /? and not a command');
  await press('Control+/');
  await page.getByRole('heading', { name: 'Keyboard shortcuts' }).waitFor();
  await press('Escape');
  await expect('SECTION TEXTAREA', 'closing a dialog');
  await page.evaluate(() => dispatchEvent(new KeyboardEvent('keydown', { key: 'л', code: 'KeyK', ctrlKey: true, cancelable: true })));
  await page.getByRole('combobox').waitFor(); // the same key on a Russian keyboard
  await press('Escape');
  await page.locator('textarea').fill('');
}
