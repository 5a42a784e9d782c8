// Bridges and settings of reach, in a real browser, between two real nodes on
// loopback: one is a bridge and hands out links, the other uses nothing but bridges,
// gets through with a link, changes its ways while its page goes on, and is cut off
// when the link is taken back.
//
//	node desktop/ui/e2e/reach.mjs PROGRAM [--pictures DIR]
import { call, until, walking } from './nodes.mjs';

const button = (page, name) => page.getByRole('button', { name, exact: true }).and(page.locator(':visible')).first();
const dialog = (page, title) => page.getByRole('dialog', { name: title, exact: true }).waitFor();
const article = (page, text) => page.locator('article', { hasText: text }).first();
const chip = (page) => page.getByRole('button', { name: /Who can be reached/ }).and(page.locator(':visible')).first();
const row = (page, text) => page.locator('dialog li', { hasText: text }).first();

async function write(page, text) {
  await page.locator('textarea').fill(text);
  await page.keyboard.press('Enter');
  await article(page, text).waitFor();
}

// tabTo goes to a control as somebody does who has only a keyboard.
async function tabTo(page, target) {
  for (let n = 0; n < 60; n++) {
    if (await target.evaluate((el) => el === document.activeElement)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`cannot be reached by keyboard: ${target}`);
}

await walking('reach', async (w) => {
  const { step, fail } = w;
  const look = (page, name) => w.look(page, name);
  // Both ask nobody but those whose links they have: what is set while they are limited
  // to this network holds when they are not any more.
  const alone = async (name, how) => {
    const node = await w.run(name, ['--lan-only']);
    await call(node, 'PATCH', '/reach', { no_mdns: true, no_dht: true });
    await w.stop(node);
    return w.run(name, how);
  };
  const lena = await alone('lena', ['--bridge', '127.0.0.1:0', '--bridge-title', 'Lena’s bridge']);
  const boris = await alone('boris', []);
  for (const [node, name] of [[lena, 'Lena'], [boris, 'Boris']]) await call(node, 'PATCH', '/me', { name });
  const topic = await call(lena, 'POST', '/topics', { kind: 'open', name: 'Bread swap' });
  const A = await w.open(lena, 'lena', 'light');
  const B = await w.open(boris, 'boris', 'dark');

  step('a link of the bridge is made for one person');
  await chip(A).click();
  await button(A, 'Bridges').click();
  await A.getByText('This computer is a bridge').waitFor();
  await A.getByText('None yet.', { exact: true }).waitFor();
  await A.getByLabel('For whom').fill('Boris');
  await A.keyboard.press('Enter');
  await A.getByRole('img', { name: 'QR code of the bridge link for Boris' }).waitFor();
  const link = await A.getByRole('textbox', { name: 'Bridge link for Boris' }).inputValue();
  if (!link.startsWith('linnet:')) fail(`bridge link ${link}`);
  await look(A, 'bridge-link');

  step('nothing but bridges, chosen by keyboard; there is none yet');
  await chip(B).focus();
  await B.keyboard.press('Enter');
  await dialog(B, 'Who can be reached');
  await tabTo(B, button(B, 'Ways and settings'));
  await B.keyboard.press('Enter');
  await dialog(B, 'Ways and settings');
  await tabTo(B, B.getByRole('radio', { name: /Every way/ }));
  for (const mode of [/This network only/, /Tor only/, /Bridges only/]) {
    await B.keyboard.press('ArrowDown');
    if (!(await B.getByRole('radio', { name: mode }).isChecked())) fail(`arrow keys do not choose ${mode}`);
  }
  await B.getByText('nobody can be reached until you add one').waitFor();
  await look(B, 'bridges-only');
  await tabTo(B, button(B, 'Use this'));
  await B.keyboard.press('Enter');
  await B.getByText('Only bridges are used, and you have none yet').first().waitFor();
  await call(boris, 'POST', '/links/accept', { link: topic.link }); // where it leads, nobody is asked but a bridge
  await look(B, 'nobody');

  step('by keyboard alone, the bridge is looked at and added');
  await tabTo(B, button(B, 'Bridges'));
  await B.keyboard.press('Enter');
  await dialog(B, 'Bridges');
  await B.getByText('None yet. Ask somebody').waitFor();
  await look(B, 'no-bridges');
  await tabTo(B, button(B, 'Add a bridge'));
  await B.keyboard.press('Enter');
  await dialog(B, 'Add a bridge');
  await tabTo(B, B.getByLabel('Paste the bridge link'));
  w.expectErrors = true; // the browser logs each refusal
  await B.keyboard.insertText('linnet:nonsense');
  await B.keyboard.press('Enter');
  await B.getByRole('alert').waitFor();
  w.expectErrors = false;
  await B.keyboard.press('Control+a');
  await B.keyboard.insertText(`Here is a bridge for you: ${link}`);
  await B.keyboard.press('Enter');
  await B.locator('.card', { hasText: 'Lena’s bridge' }).waitFor();
  if ((await call(boris, 'GET', '/bridges')).items.length > 0) fail('a bridge is used before anybody said so');
  await look(B, 'bridge-card');
  await tabTo(B, button(B, 'Use this bridge'));
  await B.keyboard.press('Enter');
  await row(B, 'Lena’s bridge').getByText('Connected: Through a web site').waitFor();
  await look(B, 'bridge-connected');

  step('the panel says which way works, and who sees it');
  await tabTo(B, button(B, 'Who can be reached'));
  await B.keyboard.press('Enter');
  await B.getByText('You are connected through a bridge').waitFor();
  await row(B, 'Through a web site').getByText(/Works since .* 1 connected/).waitFor();
  await B.getByText('Those who run your bridges').waitFor();
  await look(B, 'ways');
  await row(A, 'Boris').getByText(/last used/).waitFor();

  step('what is written goes through, both ways');
  await B.keyboard.press('Escape');
  await B.locator('nav li a', { hasText: 'Bread swap' }).first().click();
  await write(B, 'Rye for wheat?');
  await A.keyboard.press('Escape');
  await A.locator('nav li a', { hasText: 'Bread swap' }).first().click();
  await article(A, 'Rye for wheat?').waitFor();
  await write(A, 'Gladly.');
  await article(B, 'Gladly.').waitFor();

  step('this network only, and bridges only again: the page goes on');
  await B.evaluate(() => (window.samepage = true));
  const choose = async (mode, warning, said) => {
    await chip(B).click();
    await button(B, 'Ways and settings').click();
    await dialog(B, 'Ways and settings');
    await B.getByRole('radio', { name: mode }).check();
    await B.getByText(warning).waitFor();
    await button(B, 'Use this').click();
    await B.locator('.summary', { hasText: said }).waitFor();
    if ((await B.locator('.offline').count()) > 0) fail('the page says that Linnet does not run');
    await look(B, said.replaceAll(/\W+/g, '-').toLowerCase());
    await B.keyboard.press('Escape');
  };
  await choose(/This network only/, 'cut off from everybody', 'You can reach 1 person on this network. Only this network is used.');
  await write(B, 'Are you still there?');
  await article(A, 'Are you still there?').waitFor();
  await choose(/Bridges only/, 'has to wait', 'You are connected through a bridge. Only bridges are used');
  await write(A, 'I am.');
  await article(B, 'I am.').waitFor();
  if (!(await B.evaluate(() => window.samepage))) fail('the page was loaded anew');

  step('the link is taken back: cut off, and said so');
  await chip(A).click();
  await button(A, 'Bridges').click();
  await row(A, 'Boris').getByRole('button', { name: /Take back/ }).click();
  await A.getByText('This cannot be undone').waitFor();
  await look(A, 'take-back');
  await A.locator('.below').getByRole('button', { name: 'Take back', exact: true }).click();
  await A.getByText('1 link that was taken back').waitFor();
  await look(A, 'taken-back');
  await chip(B).click();
  await B.getByText('Nobody is connected right now').first().waitFor();
  await button(B, 'Bridges').click();
  await row(B, 'Lena’s bridge').getByText('Not connected').waitFor();
  await button(B, 'Forget Lena’s bridge').click();
  await B.getByText('To come back you need its link again').waitFor();
  await look(B, 'forget');
  await B.locator('.sure').getByRole('button', { name: 'Forget', exact: true }).click();
  await B.getByText('None yet. Ask somebody').waitFor();
});
