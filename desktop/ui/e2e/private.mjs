// People and private topics, in a real browser, between real nodes on loopback:
// first contact by link, a talk, the safety number on both screens, a private
// topic with an invitation, somebody who only keeps it, and a removal. What the
// key on the disk, the phrase and a restore need is walked in protect.mjs.
//
//	node desktop/ui/e2e/private.mjs PROGRAM [--pictures DIR]
import { begin, call, until, walking } from './nodes.mjs';

const button = (page, name) => page.getByRole('button', { name, exact: true }).and(page.locator(':visible')).first();
const article = (page, text) => page.locator('article', { hasText: text }).first();
const tab = (page, name) => page.getByRole('tab', { name }).click();

async function write(page, text) {
  await page.locator('textarea').fill(text);
  await page.keyboard.press('Enter');
  await article(page, text).waitFor();
}

// topic opens a topic or conversation from the list.
async function topic(page, name) {
  await tab(page, 'Topics');
  await page.locator('nav li a').filter({ has: page.locator('.name', { hasText: name }) }).first().click();
  await page.locator('main h1', { hasText: name }).waitFor();
}

const about = (page) => button(page, 'About this topic').click();

// openLink pastes a link and shows what it leads to.
async function openLink(page, link) {
  await button(page, 'Open a link').click();
  await page.getByLabel('Paste the link').fill(link);
  await button(page, 'Look').click();
}

await walking('private', async (w) => {
  const { step, fail } = w;
  const look = w.look.bind(w);
  const [anna, boris, carla] = [await w.run('anna'), await w.run('boris'), await w.run('carla')];
  const A = await w.open(anna, 'anna', 'light');
  const B = await w.open(boris, 'boris', 'dark');
  await begin(A, 'Anna');
  await begin(B, 'Boris');

  step('a contact link, and one that is not');
  await tab(A, 'People');
  await A.getByText('Nobody here yet').waitFor();
  await look(A, 'people-empty');
  await button(A, 'My contact link').click();
  await A.getByRole('img', { name: /QR code of your contact link/ }).waitFor();
  const link = await A.getByLabel('Link', { exact: true }).inputValue();
  if (!link.startsWith('linnet:')) fail(`contact link ${link}`);
  await A.keyboard.press('Escape');
  await tab(B, 'People');
  await button(B, 'Add a person').click();
  const field = B.getByLabel('Paste the link that the person gave you');
  w.expectErrors = true;
  await field.fill('linnet:nonsense');
  await button(B, 'Look').click();
  await B.getByRole('alert').waitFor();
  w.expectErrors = false;

  step('the link is opened after one sees whose it is; what is written waits');
  await field.fill(`Write to me: ${link}`);
  await button(B, 'Look').click();
  await B.locator('.card', { hasText: 'Anna' }).waitFor();
  if ((await call(boris, 'GET', '/contacts')).items.length > 0) fail('a preview makes a contact');
  await look(B, 'person-card');
  await button(B, 'Add and write').click();
  await B.locator('main h1', { hasText: 'Anna' }).waitFor();
  await write(B, 'Are you there, Anna?');

  step('the request stands apart, and is accepted');
  await A.getByRole('tab', { name: /1 request/ }).waitFor();
  if ((await A.locator('nav li a').count()) > 0) fail('a request is among the topics');
  await A.getByText('They ask to write to you').waitFor();
  await look(A, 'request');
  await button(A, 'Accept').click();
  await article(A, 'Are you there, Anna?').waitFor();
  await until('Anna may write', async () => (await A.locator('textarea').count()) > 0);
  await write(A, 'Here I am, Boris.');
  await article(B, 'Here I am, Boris.').waitFor();
  await article(B, 'Are you there, Anna?').locator('.state.acknowledged').waitFor();
  await article(A, 'Here I am, Boris.').getByText('Delivered').waitFor();
  await look(A, 'conversation-light');
  await look(B, 'conversation-dark');

  step('both compare the safety number, one by eye, one by code');
  const digits = async (page) => (await page.getByRole('list', { name: /twelve groups/ }).locator('li').allInnerTexts()).join(' ');
  for (const page of [A, B]) {
    await about(page);
    if ((await page.locator('.verified').count()) > 0) fail('somebody is verified before anything was compared');
    await button(page, 'Compare safety number').click();
    await page.getByRole('list', { name: /twelve groups/ }).waitFor();
  }
  const number = await digits(A);
  if (!/^(\d{5} ){11}\d{5}$/.test(number) || number !== (await digits(B))) fail(`the safety numbers are ${number} and ${await digits(B)}`);
  await look(A, 'safety');
  await button(A, 'They are the same').click();
  await A.getByText(/They match/).waitFor();
  for (const page of [A, B]) await page.getByText('Or compare codes instead').click();
  const code = async (page) => {
    await button(page, 'Copy my code').click();
    await page.locator('.toast', { hasText: 'Code copied' }).waitFor();
    return page.evaluate(() => navigator.clipboard.readText());
  };
  const paste = B.getByLabel("Paste the code from the other's screen");
  await paste.fill(await code(B));
  await button(B, 'Check').click();
  await B.getByText('This is your own code').waitFor();
  await paste.fill(await code(A));
  await button(B, 'Check').click();
  await B.getByText(/They match/).waitFor();
  await look(B, 'safety-match');
  for (const page of [A, B]) {
    await page.keyboard.press('Escape');
    await page.locator('main header .verified').waitFor();
  }
  await about(A);
  await about(B);

  step('a private topic, and an invitation into it');
  await A.locator('nav').getByRole('button', { name: 'Start a topic' }).click();
  await A.locator('dialog').getByLabel('Name', { exact: true }).fill('Orchard committee');
  await A.locator('dialog label.choice', { hasText: 'Only those you invite' }).click();
  await look(A, 'new-private');
  await button(A, 'Create').click();
  await A.getByRole('heading', { name: 'Your private topic is ready' }).waitFor();
  await button(A, 'Later').click();
  await write(A, 'From before Boris came');
  await A.locator('main header').getByRole('button', { name: 'Invite somebody' }).click();
  await button(A, 'Make an invitation').click();
  const invitation = await A.getByLabel('Send this to one person').inputValue();
  await look(A, 'invitation');
  await button(A, 'Done').click();
  await openLink(B, invitation);
  await B.getByText('You have been invited').waitFor();
  await B.locator('.card', { hasText: 'Orchard committee' }).waitFor();
  await look(B, 'invited');
  await button(B, 'Join').click();
  await B.locator('main h1', { hasText: 'Orchard committee' }).waitFor();
  await B.locator('textarea').waitFor();
  await B.locator('article', { hasText: '1 message from when this device was not a member' }).waitFor();
  if ((await B.getByText('From before Boris came').count()) > 0) fail('a newcomer reads what was before');
  await write(B, 'I prune the pear');
  await article(A, 'I prune the pear').waitFor();
  await write(A, 'And I the plum');
  await article(B, 'And I the plum').waitFor();

  step('somebody keeps the topic without being able to read it');
  await about(A);
  await button(A, 'Link for keeping it').click();
  await A.getByText('without being able to read it').waitFor();
  const keeping = await A.getByLabel('Link', { exact: true }).inputValue();
  await A.keyboard.press('Escape');
  const C = await w.open(carla, 'carla', 'light');
  await begin(C, 'Carla');
  await openLink(C, keeping);
  await C.getByText('This link lets nobody in').waitFor();
  await look(C, 'keep');
  await button(C, 'Keep it').click();
  await C.getByText('3 messages, kept for the members').waitFor();
  await C.locator('.bar', { hasText: 'It cannot read it' }).waitFor();
  const seen = await C.evaluate(() => document.body.innerText);
  for (const word of ['Orchard', 'pear', 'plum', 'Boris', 'Anna']) if (seen.includes(word)) fail(`who only keeps the topic sees ${word}`);
  await look(C, 'kept');

  step('a member is removed, and reads nothing more');
  const members = A.locator('section.members');
  await members.getByRole('button', { name: /Boris/ }).waitFor();
  await look(A, 'members');
  await members.getByRole('button', { name: /Boris/ }).click();
  await members.getByRole('button', { name: 'Remove', exact: true }).click();
  await A.getByText('nobody can take that back').waitFor();
  await look(A, 'remove-member');
  await A.locator('dialog .danger').click();
  await members.locator('li', { hasText: 'Boris' }).waitFor({ state: 'detached' });
  await B.locator('.bar', { hasText: 'You were removed from this topic' }).waitFor();
  await write(A, 'Boris is not to read this');
  await B.locator('article', { hasText: '1 message from when this device was not a member' }).nth(1).waitFor();
  if ((await B.getByText('Boris is not to read this').count()) > 0) fail('a removed member reads on');
  await article(B, 'And I the plum').waitFor(); // what was read stays
  await look(B, 'removed');
  await openLink(B, invitation);
  await button(B, 'Join').click();
  await B.locator('.bar', { hasText: 'Somebody else has used your invitation' }).or(B.locator('.bar', { hasText: 'You were removed' })).waitFor();
  if ((await B.locator('textarea').count()) > 0) fail('a used invitation lets somebody in again');

  step('somebody is blocked, and heard again');
  await topic(A, 'Boris');
  await button(A, 'Block').click();
  await A.locator('.bar', { hasText: 'You have blocked' }).waitFor();
  await topic(B, 'Anna');
  await write(B, 'Can you hear me?');
  await look(A, 'blocked');
  await A.locator('.bar').getByRole('button', { name: 'Unblock' }).click();
  await article(A, 'Can you hear me?').waitFor();
});
