// The whole first use, in a real browser, between two real nodes on loopback:
// name, topic, link, preview, join, talk, scroll back, search, draft, a node
// that stops and comes back. Fails on any console error, policy violation or
// finding of axe.
//
//	node desktop/ui/e2e/first-use.mjs PROGRAM [--pictures DIR]
import { join } from 'node:path';
import { begin, call, until, walking } from './nodes.mjs';

const article = (page, text) => page.locator('article', { hasText: text }).first();
const write = async (page, text) => {
  await page.locator('textarea').fill(text);
  await page.keyboard.press('Enter');
  await article(page, text).waitFor();
};

await walking('first-use', async (w) => {
  const { step, fail, folder } = w;
  const [run, open, look] = [w.run.bind(w), w.open.bind(w), w.look.bind(w)];
  let ida = await run('ida');
  const marta = await run('marta');

  step('the first start asks for a name and offers the recovery words, by keyboard alone');
  const A = await open(ida, 'ida', 'light');
  const B = await open(marta, 'marta', 'dark');
  for (const [page, name] of [[A, 'Ida'], [B, 'Marta']]) {
    await page.getByLabel('What should people call you?').waitFor();
    if (page === A) await look(page, 'first-start');
    await page.keyboard.type(name);
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Show my words' }).waitFor();
    if (page === A) await look(page, 'words-offered');
    await page.getByRole('button', { name: 'Later', exact: true }).focus();
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
  const link = await A.getByLabel('Link', { exact: true }).inputValue();
  if (!link.startsWith('linnet:')) fail(`link ${link}`);
  await A.getByRole('button', { name: 'Done' }).click();
  await write(A, 'First words, see https://example.org/x');
  await article(A, 'On this computer').waitFor();

  step('the link is opened after a preview');
  await B.locator('.two button:visible', { hasText: 'Open a link' }).click();
  await B.getByLabel('Paste the link').fill('not a link');
  w.expectErrors = true; // the browser logs the 422
  await B.getByRole('button', { name: 'Look' }).click();
  await B.getByText('begins with').waitFor();
  w.expectErrors = false;
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
  const C = await open(carl, 'carl', 'light');
  await begin(C, 'Carl');
  await C.getByRole('button', { name: 'Open a file from a stick or a mail' }).and(C.locator(':visible')).click();
  w.expectErrors = true; // the browser logs the 422
  await C.locator('dialog input[type=file]').setInputFiles({ name: 'holiday.jpg', mimeType: 'image/jpeg', buffer: Buffer.alloc(2_000_000, 7) });
  await C.getByRole('alert').waitFor();
  w.expectErrors = false;
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
  await A.getByText(/You can reach \d+ p/).first().waitFor();
  await look(A, 'reach');
  await A.keyboard.press('Escape');

  step('the node stops; the page says so, and it is all there after a restart');
  w.expectErrors = true;
  ida.child.kill('SIGTERM');
  await A.locator('.offline').waitFor();
  if ((await A.locator('textarea').inputValue()) !== 'a draft to keep') fail('the draft went with the node');
  await until('it has stopped', () => ida.child.exitCode !== null);
  if (ida.child.exitCode !== 0) fail(`the program ended with ${ida.child.exitCode}`);
  ida = await run('ida');
  await A.getByRole('heading', { name: 'Linnet was started anew' }).waitFor({ timeout: 40000 });
  await look(A, 'restarted');
  await A.goto((await call(ida, 'POST', '/session/codes')).url);
  w.expectErrors = false;
  await article(A, 'Minute 179 ').waitFor();
  if ((await A.locator('textarea').inputValue()) !== 'a draft to keep') fail('the draft is gone after the restart');
  await A.locator('textarea').fill('');
  await until('the two find each other again', async () => (await call(ida, 'GET', '/node')).peers >= 1);
  await write(A, 'back again');
  await article(B, 'back again').waitFor();
});
