// What keeps a person's data, in a real browser, with real nodes on loopback: the
// recovery words and their reminder, a passphrase, the lock, a wrong passphrase,
// the lock that comes by itself, a backup, a restore on a third node with an empty
// folder, a damaged disk, a further device, the passphrase for emergencies, and the end of everything.
//
//	node desktop/ui/e2e/protect.mjs PROGRAM [--pictures DIR]
import { closeSync, existsSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { begin, call, until, walking } from './nodes.mjs';

const button = (page, name) => page.getByRole('button', { name, exact: true }).and(page.locator(':visible')).first();
const inDialog = (page, name) => page.locator('dialog').getByRole('button', { name });
const article = (page, text) => page.locator('article', { hasText: text }).first();
const toast = (page, text) => page.locator('.toast', { hasText: text }).waitFor();
const passphrase = 'otter violin gravel summit';
const emergency = 'yellow ladder Thursday';

async function write(page, text) {
  await page.locator('textarea').fill(text);
  await page.keyboard.press('Enter');
  await article(page, text).waitFor();
}

// protection opens what the settings say of it.
async function protection(page) {
  await button(page, 'Settings').click();
  await button(page, 'Passphrase, recovery words, backup, devices').click();
  await page.getByRole('heading', { name: 'Protection and devices' }).waitFor();
}

// holds tells whether any file of a folder has a text in it.
function holds(dir, text) {
  return readdirSync(dir, { recursive: true, withFileTypes: true }).some((f) => f.isFile() && readFileSync(join(f.parentPath, f.name)).includes(text));
}

await walking('protect', async (w) => {
  const { step, fail, folder } = w;
  const look = w.look.bind(w);
  const [anna, boris] = [await w.run('anna'), await w.run('boris')];
  const A = await w.open(anna, 'anna', 'light');
  const B = await w.open(boris, 'boris', 'dark');

  step('the first start offers the recovery words, and a reminder stays');
  await begin(A, 'Anna');
  await begin(B, 'Boris');
  const reminder = A.getByRole('button', { name: /Write down your recovery words/ });
  await reminder.waitFor();
  if ((await A.locator('.toast').innerText()) !== '') fail('something is said where nothing happened');
  await look(A, 'reminder');
  await A.reload();
  await reminder.click();
  await button(A, 'Show my words').click();
  const words = await A.locator('.words li bdi').allInnerTexts();
  if (words.length !== 24) fail(`${words.length} words`);
  await look(A, 'words');
  await A.keyboard.press('Escape');
  await reminder.waitFor(); // having seen them is not enough
  await reminder.click();
  await button(A, 'Show my words').click();
  await button(A, 'I have written them down').click();
  const asked = await A.locator('dialog form label').allInnerTexts();
  const places = asked.map((text) => Number(/\d+/.exec(text)[0]));
  if (places.length !== 3) fail(`asked for the words ${asked}`);
  const fields = A.locator('dialog form input');
  for (const [i, at] of places.entries()) await fields.nth(i).fill(i === 1 ? 'zebra zoo' : words[at - 1]);
  await button(A, 'Check').click();
  await A.getByRole('alert').first().waitFor();
  if ((await A.getByRole('alert').count()) !== 1) fail('a right word is called wrong');
  await look(A, 'words-wrong');
  await fields.nth(1).fill(` ${words[places[1] - 1].toUpperCase()} `);
  await button(A, 'Check').click();
  await toast(A, 'your words are written down');
  await reminder.waitFor({ state: 'detached' });
  await A.reload();
  await A.locator('.two button:visible').first().waitFor();
  if ((await reminder.count()) > 0) fail('the reminder comes back');

  step('first contact by link, so that there is something to keep');
  const { link } = await call(anna, 'GET', '/me/link');
  await B.getByRole('tab', { name: 'People' }).click();
  await button(B, 'Add a person').click();
  await B.getByLabel('Paste the link that the person gave you').fill(link);
  await button(B, 'Look').click();
  await button(B, 'Add and write').click();
  await B.locator('main h1', { hasText: 'Anna' }).waitFor();
  await write(B, 'The key is under the stone');
  await A.getByRole('tab', { name: /1 request/ }).click();
  await button(A, 'Accept').click();
  await article(A, 'The key is under the stone').waitFor();
  await until('Anna may write', async () => (await A.locator('textarea').count()) > 0);
  await write(A, 'I have found it');
  await article(B, 'I have found it').waitFor();

  step('a passphrase: a short one is pointed out, two that differ are refused');
  await protection(A);
  await look(A, 'protection');
  if ((await button(A, 'Lock now').count()) > 0) fail('it can be locked without a passphrase');
  await inDialog(A, /^Passphrase/).click();
  await A.getByLabel('New passphrase').fill('short');
  await A.getByText('This one is short').waitFor();
  await A.getByLabel('New passphrase').fill(passphrase);
  await A.getByLabel('The same once more').fill(passphrase + '!');
  await button(A, 'Set passphrase').click();
  await A.getByText('The two are not the same').waitFor();
  await A.getByLabel('The same once more').fill(passphrase);
  await look(A, 'passphrase');
  await button(A, 'Set passphrase').click();
  await toast(A, 'The passphrase is set');
  await A.getByText('Asked for at each start').waitFor();
  await look(A, 'protected');

  step('the time after which it locks itself is kept');
  await A.getByLabel('Lock by itself').selectOption('15');
  await toast(A, 'Saved');
  await until('it is kept', async () => (await call(anna, 'GET', '/lock')).auto_lock_minutes === 15);

  step('locked: nothing is on the page, and a wrong passphrase does not open it');
  await A.keyboard.press('Escape');
  await A.locator('textarea').fill('half a thought');
  const other = await A.context().newPage(); // a second tab
  await other.goto(anna.url);
  await other.locator('nav').first().waitFor();
  await button(A, 'Lock now').click();
  for (const page of [A, other]) {
    await page.getByRole('heading', { name: 'Linnet is locked' }).waitFor();
    const seen = await page.evaluate(() => document.documentElement.outerHTML);
    for (const word of ['Boris', 'stone', 'found it', 'half a thought']) if (seen.includes(word)) fail(`a locked page holds ${word}`);
  }
  await look(A, 'locked');
  const refused = await fetch(`${anna.url}/api/v1/topics`, { headers: { Authorization: `Bearer ${anna.token}` } });
  if (refused.status !== 423) fail(`topics of a locked node: ${refused.status}`);
  if (holds(join(folder, 'anna'), 'under the stone')) fail('the disk of a locked node holds a text');
  const secret = A.getByLabel('Passphrase', { exact: true });
  w.expectErrors = true; // the browser logs the 403
  await secret.fill('otter violin gravel summi');
  await button(A, 'Unlock').click();
  await A.getByRole('alert').filter({ hasText: 'This is not the passphrase. Try again' }).waitFor();
  await look(A, 'wrong-passphrase');
  w.expectErrors = false;

  step('unlocked: everything is there again, in both tabs, and what came meanwhile');
  await write(B, 'Written while you were locked');
  await secret.fill(passphrase);
  await button(A, 'Unlock').click();
  await article(A, 'The key is under the stone').waitFor();
  await article(A, 'Written while you were locked').waitFor();
  if ((await A.locator('textarea').inputValue()) !== 'half a thought') fail('a draft went with the lock');
  await A.locator('textarea').fill('');
  await other.locator('nav').first().waitFor();
  await other.close();
  if ((await call(anna, 'GET', '/lock')).auto_lock_minutes !== 15) fail('the minutes are forgotten after a lock');

  step('a backup from the page, and a restore on a third node with an empty folder');
  await protection(A);
  await inDialog(A, /^Backup/).click();
  await A.getByLabel('Passphrase of the backup').fill('harbour pencil thunder');
  await A.getByLabel('The same once more').fill('harbour pencil thunder');
  await look(A, 'backup');
  const [saved] = await Promise.all([A.waitForEvent('download'), button(A, 'Save backup').click()]);
  if (!/^Linnet-.*\.linnet-backup$/.test(saved.suggestedFilename())) fail(`the backup is called ${saved.suggestedFilename()}`);
  const stick = join(folder, 'stick.linnet-backup');
  await saved.saveAs(stick);
  if (readFileSync(stick).includes('stone')) fail('a backup holds a text');
  await button(A, 'Done').click();
  const third = await w.run('third');
  const C = await w.open(third, 'third', 'light');
  await button(C, 'I have a backup').click();
  await C.locator('input[type=file]').setInputFiles(stick);
  const key = C.getByLabel('Passphrase of the backup');
  w.expectErrors = true; // the browser logs the 403, and what the page asks while the node is away
  await key.fill('not this one');
  await button(C, 'Restore').click();
  await C.getByRole('alert').waitFor();
  await key.fill('harbour pencil thunder');
  await look(C, 'restore');
  await button(C, 'Restore').click();
  await C.getByText('Your backup is restored').waitFor();
  w.expectErrors = false;
  await look(C, 'restored');
  await button(C, 'Go on').click();
  await C.locator('nav li a', { hasText: 'Boris' }).click();
  await article(C, 'The key is under the stone').waitFor();
  await article(C, 'I have found it').waitFor();
  const [me, again] = [await call(anna, 'GET', '/me'), await call(third, 'GET', '/me')];
  if (again.name !== 'Anna' || again.account !== me.account) fail(`who came back is ${again.name}, ${again.account}`);
  if (again.device === me.device) fail('two devices have one key');
  if (again.phrase !== 'checked') fail('the words have to be written down once more');

  step('its disk is damaged: it says so, and goes on');
  await C.context().close();
  third.child.kill('SIGTERM');
  await until('the third has stopped', () => third.child.exitCode !== null);
  const store = join(folder, 'third', 'store');
  for (const name of readdirSync(store).filter((f) => f.endsWith('.sst'))) {
    const table = openSync(join(store, name), 'r+');
    writeSync(table, Buffer.alloc(512), 0, 512, 0);
    closeSync(table);
  }
  const damaged = await w.run('third');
  const E = await w.open(damaged, 'damaged', 'light', 320);
  await E.getByText('Something on the disk was damaged').waitFor();
  await look(E, 'damaged');
  await E.locator('nav li a', { hasText: 'Boris' }).click();
  await article(E, 'I have found it').waitFor();
  const after = await call(damaged, 'GET', '/me');
  if (after.account !== me.account || after.device === again.device) fail('a damaged device goes on with its keys');
  await button(E, 'I have read this').click();
  await E.getByText('Something on the disk was damaged').waitFor({ state: 'detached' });
  if ((await call(damaged, 'GET', '/node')).damage) fail('it says so once more');
  await E.context().close();

  step('a further device by link');
  const fourth = await w.run('fourth');
  const D = await w.open(fourth, 'fourth', 'dark', 320);
  await button(D, 'I use it on another computer').click();
  w.expectErrors = true; // the browser logs that nothing was offered yet
  const place = await D.getByRole('textbox', { name: 'Link of this computer' }).inputValue();
  await look(D, 'join');
  await A.keyboard.press('Escape');
  await protection(A);
  await inDialog(A, /^Your devices/).click();
  await A.getByLabel('Link of the other computer').fill(place);
  await A.getByLabel('What to call it').fill('Old phone');
  await button(A, 'Add it').click();
  await A.getByText('It was told').waitFor();
  await look(A, 'devices');
  await button(D, 'Yes, that is me').click();
  w.expectErrors = false;
  await D.locator('nav').first().waitFor();
  if ((await call(fourth, 'GET', '/me')).account !== me.account) fail('the further device is somebody else');
  await look(D, 'joined');
  const row = A.locator('dialog li', { hasText: 'Old phone' });
  await row.getByRole('button', { name: 'Remove' }).click();
  await row.getByRole('button', { name: 'Yes, remove it' }).click();
  await row.waitFor({ state: 'detached' });
  await A.keyboard.press('Escape');

  step('the passphrase for emergencies destroys everything');
  await protection(A);
  await inDialog(A, /^Passphrase/).click();
  await A.getByLabel('Current passphrase').fill(passphrase);
  await A.getByLabel('New passphrase').fill(passphrase);
  await A.getByLabel('The same once more').fill(passphrase);
  await A.getByText('A second passphrase for emergencies').click();
  await A.getByLabel('Passphrase that destroys').fill(emergency);
  await button(A, 'Change passphrase').click();
  await toast(A, 'The passphrase is set');
  await A.keyboard.press('Escape');
  await button(A, 'Lock now').click();
  await secret.fill(emergency);
  await button(A, 'Unlock').click();
  await A.getByLabel('What should people call you?').waitFor();
  const fresh = await call(anna, 'GET', '/me');
  if (fresh.account === me.account || (await call(anna, 'GET', '/topics')).items.length > 0) fail('something is left after the emergency passphrase');

  step('and so does the button');
  await protection(B);
  await inDialog(B, /^Destroy everything/).click();
  await look(B, 'wipe');
  const now = button(B, 'Destroy everything now');
  if (await now.isEnabled()) fail('everything goes at one click');
  await B.getByLabel(/if you mean it/).fill('destroy');
  await now.click();
  await B.getByLabel('What should people call you?').waitFor();
  if ((await call(boris, 'GET', '/contacts')).items.length > 0) fail('contacts are left after a wipe');
  if (!existsSync(join(folder, 'boris', 'api.json'))) fail('the program does not run any more');
});
