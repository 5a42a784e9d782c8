// Walks every screen of the page in a real browser, takes pictures of it, and
// fails on any policy violation, console error or finding of axe.
//
//	npm run look -- /tmp/pictures [--base http://127.0.0.1:PORT/#code=…] [--quick] [--only phone] [--people] [--reach] [--guard]
//
// Without --base it starts the mock. Against a real node only the screens that
// need nothing played are visited.
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { start } from '../mock/server.mjs';
import { backAgain, protection } from './look-guard.mjs';
import { people, privately } from './look-people.mjs';
import { ways } from './look-reach.mjs';

const args = process.argv.slice(2);
const value = (name) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
const folder = args[0] && !args[0].startsWith('--') ? args[0] : '/tmp/linnet-look';
const quick = args.includes('--quick');
const only = value('--only');
const given = value('--base');
mkdirSync(folder, { recursive: true });

const sizes = [
  ['small', 320, 640],
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
  const phone = size === 'phone' || size === 'small';
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
    if (m.location().url.endsWith('/bundles/import') && m.text().includes('422')) return; // a picture is no bundle
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
    if (await page.evaluate(() => document.body.innerText.includes('THIS IS NOT SHOWN'))) failures.push(`${size} ${theme} ${name}: shows what the node says in English`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (wide > 0) failures.push(`${size} ${theme} ${name}: wider than the screen by ${wide}`);
  };
  const signIn = async () => {
    await page.goto(given ?? `${server.base}/#code=${server.mock.code().code}`);
    await page.locator('nav').first().waitFor();
    await page.reload(); // the token is kept by the tab
  };
  const pick = async (name) => {
    if (phone && (await page.locator('header .back').isVisible())) await page.locator('header .back').click();
    await page.locator('nav li a', { hasText: name }).first().click();
    await page.locator('main h1', { hasText: name }).waitFor();
    await page.locator('.list.shown').waitFor();
  };
  const press = (keys) => page.keyboard.press(keys);
  // about opens the details of the topic, beside it or above it; it gives what closes them.
  const about = async () => {
    await page.getByRole('button', { name: 'About this topic', exact: true }).click();
    await page.getByText('Is everything here?', { exact: true }).and(page.locator(':visible')).first().waitFor();
    const beside = size === 'laptop' || size === 'wide';
    return () => (beside ? page.getByRole('button', { name: 'About this topic', exact: true }).click() : press('Escape'));
  };
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

  const rest = { page, server, step, look, phone, press };
  if (server && args.includes('--people')) {
    await signIn();
    await page.locator('nav li a').first().waitFor();
    await people(rest);
    await privately(rest);
    await context.close();
    return server.close();
  }
  if (server && args.includes('--reach')) {
    await signIn();
    await page.locator('nav li a').first().waitFor();
    await ways(rest);
    await context.close();
    return server.close();
  }
  if (server && args.includes('--guard')) {
    await backAgain(rest);
    await signIn();
    await page.locator('nav li a').first().waitFor();
    await protection(rest);
    await context.close();
    return server.close();
  }
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
      await button('Show my words').waitFor();
      await look('02-words-offered');
      await button('Later').click();
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
    await page.locator('article', { hasText: 'town hall on Monday' }).getByText('Stored by 2').waitFor();
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
  await step('50-whole', () => whole(page, server, pick, look, about));
  await step('55-keep', () => keep(page, pick, look, about));
  await step('60-save', () => save(page, pick, look, about));
  await step('65-open-file', () => openFile(page, server, look, visible, phone));
  await step('70-folders', () => folders(page, look, visible, phone));
  await step('75-back', () => goBack(page, pick));
  await people(rest);
  await privately(rest);
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
  if (server) await ways(rest);
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
  await backAgain(rest);
  await signIn();
  await protection(rest);
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

// whole tells in words how much is there, asks again, and explains what went wrong.
async function whole(page, server, pick, look, about) {
  await pick('River watch');
  await page.getByRole('button', { name: 'Is everything here? 12 missing, asking' }).click();
  await page.getByText('Boris\u2069, numbers 41–43').waitFor();
  await page.getByText('Not all that there was by then is here.').waitFor();
  if (await page.getByRole('button', { name: 'Asking…' }).isEnabled()) throw new Error('one can ask while it is asking');
  await look('50-missing-story');
  const river = server.mock.topic('River watch').id;
  server.mock.complete({ topic: river, with: { asking: 0 } });
  await page.getByRole('button', { name: 'Ask again' }).click();
  await page.getByText('Asked. What turns up').waitFor();
  await page.getByText('Asking 1 person…').or(page.getByRole('button', { name: 'Asking…' })).first().waitFor();
  await page.getByText('At least 3 records are missing').waitFor();
  await look('51-asked');
  const close = async () => ((await page.locator('dialog').count()) > 0 ? page.keyboard.press('Escape') : page.getByRole('button', { name: 'About this topic', exact: true }).click());
  await close();
  await pick('Open mic');
  const closeFork = await about();
  await page.getByText('signed two different records under the number 7').waitFor();
  await look('52-forked-story');
  await closeFork();
  await pick('Choir');
  const closeChoir = await about();
  await look('53-waiting-story');
  await closeChoir();
  await pick('lighthouse');
  await page.locator('header [role=progressbar]').waitFor();
  await look('54-arriving');
  const closeLight = await about();
  await page.locator('.story', { hasText: '12,300 of 100,000 records' }).waitFor();
  await look('55-arriving-story');
  await closeLight();
  await pick('Bread swap');
  await page.locator('.fresh').waitFor();
  if ((await page.locator('.fresh + article, .fresh ~ article').first().innerText()).includes('starters to give away') === false) throw new Error('the line before what is new stands elsewhere');
  await look('56-never-read');
}

// keep has texts go from this computer, but not before it was confirmed.
async function keep(page, pick, look, about) {
  await pick('Harbour News');
  const close = await about();
  await page.getByRole('button', { name: 'Change', exact: true }).last().click();
  await page.getByRole('spinbutton', { name: 'How many posts' }).fill('5');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByText('will be deleted from this computer now').waitFor();
  await look('57-keep-sure');
  await page.getByRole('button', { name: 'Delete older texts' }).click();
  await page.getByText('Texts of the last 5 posts', { exact: true }).waitFor();
  await close();
  await page.locator('article', { hasText: 'The text is not kept on this computer any more.' }).first().waitFor();
}

async function save(page, pick, look, about) {
  await pick('Harbour News');
  const close = await about();
  const opener = page.getByRole('button', { name: 'Save to a file' }).first();
  await opener.click();
  await page.locator('dialog').getByRole('heading', { name: 'Save to a file' }).waitFor();
  await look('60-save');
  const submit = page.locator('dialog .actions .primary');
  const [file] = await Promise.all([page.waitForEvent('download'), submit.click()]);
  if (!/^Harbour-News-\d{4}-\d\d-\d\d\.linnet$/.test(file.suggestedFilename())) throw new Error(`the file is called ${file.suggestedFilename()}`);
  await page.getByText('Saved as Harbour-News').waitFor();
  await page.getByLabel('Only what another computer lacks').check();
  await submit.click();
  await page.getByText('Please choose the note').waitFor();
  await page.locator('dialog input[type=file]').setInputFiles({ name: 'choir-2026-05-03.linnet-note', mimeType: 'application/octet-stream', buffer: Buffer.from('a note') });
  await page.getByText('Ask somebody for what you lack').click();
  await look('61-save-note');
  const [sent] = await Promise.all([page.waitForRequest((r) => r.url().endsWith('/bundles/export')), submit.click()]);
  if (sent.postDataJSON().notes[0] !== Buffer.from('a note').toString('base64')) throw new Error('the note was not sent');
  await page.keyboard.press('Escape');
  if ((await page.locator('aside').count()) > 0) await close();
}

async function openFile(page, server, look, visible, phone) {
  const bundle = (report) => ({ name: 'street.linnet', mimeType: 'application/octet-stream', buffer: Buffer.from('made-up bundle\n' + JSON.stringify({ report })) });
  if (phone) await page.locator('header .back').click();
  await visible('Open a link').click();
  await page.getByRole('button', { name: 'Or open a file' }).click();
  await look('65-open-file');
  const chooser = page.locator('dialog input[type=file]');
  await chooser.setInputFiles({ name: 'holiday.jpg', mimeType: 'image/jpeg', buffer: Buffer.alloc(90_000) });
  await page.getByText('Choose one that ends in .linnet').waitFor();
  await look('66-not-a-file-of-linnet');
  const news = server.mock.topic('Harbour News').id;
  const offer = { topic: 'offered' + 'a'.repeat(45), name: 'Night school', link: 'linnet:offered:offered' + 'a'.repeat(45), records: 7 };
  await chooser.setInputFiles(bundle({ records: 61, new: 12, known: 38, refused: 2, strange: 7, damaged: 5120, complete: false, topics: [news], offered: [offer] }));
  await page.getByText('12 new records are here now').waitFor();
  await look('67-report');
  await page.getByRole('button', { name: 'Follow' }).click();
  await page.getByText('19 new records are here now').waitFor();
  await look('68-followed');
  await page.getByRole('listitem').filter({ hasText: 'Night school' }).getByRole('button', { name: 'Show it' }).click();
  await page.locator('article', { hasText: 'From the stick, number 7' }).waitFor();
  // A file may be dropped anywhere.
  const drag = (type) =>
    page.evaluate((what) => {
      const data = new DataTransfer();
      data.items.add(new File(['made-up bundle\n{"records":["a","b"]}'], 'dropped.linnet'));
      document.querySelector('main').dispatchEvent(new DragEvent(what, { dataTransfer: data, bubbles: true, cancelable: true }));
    }, type);
  await drag('dragover');
  await page.getByText('Drop the file to open it').waitFor();
  await look('69-drop');
  await drag('drop');
  await page.getByRole('button', { name: 'Open', exact: true }).click();
  await page.getByText('Everything in this file was here already').waitFor();
  await page.getByRole('button', { name: 'Done' }).click();
}

async function folders(page, look, visible, phone) {
  if (phone) await page.locator('header .back').click();
  await visible('Settings').click();
  await page.getByText('Put the stick back in').waitFor();
  await page.getByLabel('Folder', { exact: true }).fill('/nowhere');
  await page.getByLabel('Only these').check();
  await page.getByRole('checkbox', { name: 'Choir' }).check();
  await page.getByRole('button', { name: 'Start', exact: true }).click();
  await page.getByText('There is no such folder').waitFor();
  await page.getByText('There is no such folder').scrollIntoViewIfNeeded();
  await look('70-folders');
  await page.getByLabel('Folder', { exact: true }).fill('/media/ida/OTHER');
  await page.getByRole('button', { name: 'Start', exact: true }).click();
  await page.getByText('/media/ida/OTHER').waitFor();
  await page.getByRole('button', { name: 'Stop using /media/ida/OTHER' }).click();
  await page.getByText('/media/ida/OTHER').waitFor({ state: 'detached' });
  await page.keyboard.press('Escape');
}

// goBack leaves dialogs by the browser's own Back, and finds the topics where they were.
async function goBack(page, pick) {
  await pick('Open mic');
  await page.locator('article').last().focus();
  await page.keyboard.press('?');
  await page.getByRole('heading', { name: 'Keyboard shortcuts' }).waitFor();
  await page.goBack();
  await page.locator('dialog').waitFor({ state: 'detached' });
  await page.locator('h1', { hasText: 'Open mic' }).waitFor();
  await page.keyboard.press('Control+k'); // closed by Escape it leaves nothing behind
  await page.keyboard.press('Escape');
  await page.locator('dialog').waitFor({ state: 'detached' });
  await page.keyboard.press('Control+k');
  await page.keyboard.type('river');
  await page.keyboard.press('Enter');
  await page.locator('h1', { hasText: 'River watch' }).waitFor();
  await page.goBack();
  await page.locator('h1', { hasText: 'Open mic' }).waitFor();
  if ((await page.locator('dialog').count()) > 0) throw new Error('a dialog came back');
}
