// The screens of people and private topics, for look.mjs.

// people walks contacts, requests, one's own link and the safety number.
export async function people({ page, server, step, look, phone, press }) {
  const pick = picker(page, phone);
  const button = (name) => page.getByRole('button', { name, exact: true });
  const toast = (text) => page.locator('.toast', { hasText: text }).waitFor();
  const tab = async (name) => {
    if (phone && (await page.locator('header .back').isVisible())) await page.locator('header .back').click();
    await page.getByRole('tab', { name }).click();
  };
  const about = (name) => button(`About \u2068${name}\u2069`);

  await step('80-people', async () => {
    await tab(/People/);
    await page.getByText('They ask to write to you').waitFor();
    await page.getByText('You already know somebody called \u2068Anna').waitFor();
    await look('80-people');
    const card = page.locator('li', { hasText: 'Tomás' }).first();
    await card.getByRole('button', { name: 'Accept' }).click();
    await page.locator('article', { hasText: 'we met on the ferry' }).waitFor();
    await toast('You can write to');
    await look('81-accepted');
  });
  await step('82-request', async () => {
    await tab(/People/);
    await page.locator('li', { hasText: 'Used your contact link' }).getByRole('button', { name: 'Block' }).click();
    await page.getByText('They ask to write to you').waitFor({ state: 'detached' });
    server.mock.request({ name: 'Somebody \u202Eelse' });
    await page.getByRole('tab', { name: /1 request/ }).waitFor();
    await page.locator('li', { hasText: 'Used your contact link' }).getByRole('button', { name: 'Delete' }).click();
    await toast('Request deleted');
  });
  await step('83-my-link', async () => {
    await button('My contact link').and(page.locator(':visible')).first().click();
    await page.getByRole('img', { name: /QR code of your contact link/ }).waitFor();
    await look('83-my-link');
    const before = await page.getByLabel('Link', { exact: true }).inputValue();
    await button('Make a new one').click();
    await look('84-my-link-sure');
    if ((await page.getByLabel('Link', { exact: true }).inputValue()) !== before) throw new Error('the link ended before it was confirmed');
    await button('Make a new one').click();
    await toast('This is your new link');
    if ((await page.getByLabel('Link', { exact: true }).inputValue()) === before) throw new Error('the old link is still shown');
    await press('Escape');
  });
  await step('85-add', async () => {
    await button('Add a person').and(page.locator(':visible')).first().click();
    await look('85-add');
    const field = page.getByLabel('Paste the link that the person gave you');
    await field.fill(server.mock.topic('Tuesday').link);
    const me = await page.evaluate(async () => (await (await fetch('/api/v1/me/link', { headers: { Authorization: 'Bearer ' + sessionStorage.getItem('linnet.token') } })).json()).link);
    await field.fill(me);
    await button('Look').click();
    await page.getByText('This is your own link').waitFor();
    await look('86-own-link');
    await button('Back').and(page.locator('dialog button')).click();
    await field.fill('linnet:person:Anna');
    await button('Look').click();
    await page.getByText('You already know somebody called').waitFor();
    await look('87-namesake');
    await button('Back').and(page.locator('dialog button')).click();
    await field.fill('linnet:person:Wanda');
    await button('Look').click();
    await page.getByLabel(/Your name for this person/).fill('Wanda from the pier');
    await look('88-person-card');
    await button('Add and write').click();
    await page.locator('h1', { hasText: 'Wanda from the pier' }).waitFor();
    await page.getByText('has not been heard of yet. Write all the same').waitFor();
    await look('89-waiting');
    await page.locator('textarea').fill('Are you there?');
    await press('Control+Enter');
    await page.locator('article', { hasText: 'Are you there?' }).getByText('On this computer').waitFor();
  });
  await step('90-person', async () => {
    await tab(/People/);
    await about('Boris').click();
    await page.getByText('Calls themselves').waitFor();
    await look('90-person');
    await button('Rename').click();
    await page.getByLabel('Your name for this person').fill('Boris from the yard');
    await button('Save').click();
    await page.getByRole('heading', { name: 'Boris from the yard' }).first().waitFor();
    await button('Compare safety number').click();
    await page.getByRole('list', { name: /twelve groups/ }).waitFor();
    await look('91-safety');
    await page.getByText('Or compare codes instead').click();
    await page.getByLabel("Paste the code from the other's screen").fill('holiday pictures');
    await button('Check').click();
    await page.getByText('This is not a code of a safety number').waitFor();
    await page.getByLabel("Paste the code from the other's screen").fill('LS1:somebody else');
    await button('Check').click();
    await page.getByText('They do not match').waitFor();
    await look('92-safety-different');
    await page.getByLabel("Paste the code from the other's screen").fill('LS1:theirs');
    await button('Check').click();
    await page.getByText(/They match/).waitFor();
    await look('93-safety-match');
    await press('Escape');
    await page.locator('.pane li', { hasText: 'Boris from the yard' }).getByText('Verified').waitFor();
    await about('Old landlord').click();
    await page.getByText('You have blocked').waitFor();
    await look('94-blocked');
    await button('Unblock').click();
    await toast('is not blocked any more');
    await button('Remove').click();
    await look('95-remove-person');
    await button('Remove and delete').click();
    await about('Old landlord').waitFor({ state: 'detached' });
    await tab('Topics');
  });
  await step('96-conversation', async () => {
    await pick('Anna');
    await look('96-conversation');
    await page.locator('article').last().getByText('Delivered').waitFor();
    const close = await openAbout(page);
    await page.getByText('it is encrypted end to end').and(page.locator(':visible')).first().waitFor();
    await look('97-conversation-about');
    await button('Block').click();
    await toast('is blocked');
    await close();
    await page.getByText('nothing from them reaches you').and(page.locator(':visible')).first().waitFor();
    await look('98-conversation-blocked');
    await page.locator('main').getByRole('button', { name: 'Unblock' }).click();
    await page.locator('textarea').waitFor();
    await pick('Petr');
    await page.getByText('\u2068Petr\u2069 is typing…').waitFor();
    await page.getByText('writing from a new device since').waitFor();
    await look('9A-new-device');
    await button('I have read this').click();
    await page.getByText('writing from a new device since').waitFor({ state: 'detached' });
    await pick('Grandma Rose');
    await page.getByRole('alert').getByText('Careful').waitFor();
    await look('99-stranger');
  });
}

// privately walks private topics: making one, members, invitations, and the ways in which one does not take part.
export async function privately({ page, server, step, look, press, phone }) {
  const pick = picker(page, phone);
  const button = (name) => page.getByRole('button', { name, exact: true });
  const visible = (name) => button(name).and(page.locator(':visible')).first();
  const toast = (text) => page.locator('.toast', { hasText: text }).waitFor();
  const toTopics = async () => {
    if (phone && (await page.locator('header .back').isVisible())) await page.locator('header .back').click();
  };

  await step('A0-new-private', async () => {
    await toTopics();
    await visible('Start a topic').click();
    await page.locator('dialog').getByLabel('Name', { exact: true }).fill('The boat, in confidence');
    await page.locator('dialog label.choice', { hasText: 'Only those you invite' }).click();
    await page.getByLabel('What newcomers can read of before').selectOption('last');
    await page.getByLabel('How many messages').fill('5000');
    await page.getByText('between 1 and 4,096').waitFor();
    if (await button('Create').isEnabled()) throw new Error('5,000 messages for newcomers');
    await page.getByLabel('How many messages').fill('20');
    await look('A0-new-private');
    await page.getByLabel('Messages disappear').selectOption('604800');
    await page.getByText('newcomers read nothing from before').waitFor();
    await look('A1-new-fading');
    const [sent] = await Promise.all([page.waitForRequest((r) => r.url().endsWith('/topics') && r.method() === 'POST'), button('Create').click()]);
    const draft = sent.postDataJSON();
    if (draft.fade_seconds !== 604800 || draft.newcomers_read !== undefined) throw new Error(JSON.stringify(draft));
    await page.getByRole('heading', { name: 'Your private topic is ready' }).waitFor();
    await look('A2-invite');
    await button('Make an invitation').click();
    await page.getByLabel('Send this to one person').waitFor();
    await look('A3-invitation');
    await button('Copy invitation').click();
    await toast('Invitation copied');
    await button('Done').click();
    await look('A4-private-empty');
  });
  await step('A5-members', async () => {
    await pick('Tuesday rehearsal');
    await look('A5-private');
    const close = await openAbout(page);
    const list = page.locator('section.members').and(page.locator(':visible'));
    await list.getByText('1 invitation has not been used yet').waitFor();
    if ((await list.locator('li').count()) !== 5) throw new Error(`${await list.locator('li').count()} people in the list`);
    await list.getByText('2 devices').waitFor();
    await look('A6-private-about');
    await list.getByRole('button', { name: /Petr/ }).click();
    await list.scrollIntoViewIfNeeded();
    await look('A7-member');
    await list.getByRole('button', { name: 'Let them help to run it' }).click();
    await list.locator('li', { hasText: 'Petr' }).getByText('Helps to run it').waitFor();
    await button('Take back').click();
    await list.getByText('not been used yet').waitFor({ state: 'detached' });
    await list.getByRole('button', { name: /Marta/ }).click();
    await list.getByRole('button', { name: 'Remove', exact: true }).click();
    await page.getByText('nobody can take that back').waitFor();
    await look('A8-remove-member');
    await page.locator('dialog .danger').click();
    await toast('is removed');
    if (phone || (await page.locator('aside').count()) === 0) return;
    await list.locator('li', { hasText: 'Marta' }).waitFor({ state: 'detached' });
    await page.getByRole('button', { name: /^Change/ }).and(page.locator('section:not(.keep) .btn')).first().click();
    await page.getByLabel('Messages disappear').selectOption('86400');
    await look('A9-private-settings');
    await button('Save').click();
    await page.getByText('After 1 day').waitFor();
    await close();
  });
  for (const [n, name, text] of [['B0', 'Allotment committee', 'Waiting to be let in. That'], ['B1', 'Flat 4b', 'You were removed'], ['B2', 'Book circle', 'Somebody else has used'], ['B3', 'A private topic', 'cannot read it']])
    await step(`${n}-${name}`, async () => {
      await pick(name);
      await page.locator('.bar', { hasText: text }).waitFor();
      await look(`${n}-${name.replaceAll(' ', '-')}`);
      if (n !== 'B3') return;
      if ((await page.locator('article').count()) > 3) throw new Error('what cannot be read is not in one row');
      const close = await openAbout(page);
      await look('B4-kept-about');
      await close();
    });
  await step('B5-links', async () => {
    await toTopics();
    await visible('Open a link').click();
    const field = page.getByLabel('Paste the link');
    await field.fill('linnet:keep:1');
    await button('Look').click();
    await page.getByText('This link lets nobody in').waitFor();
    await look('B5-link-keep');
    await button('Back').and(page.locator('dialog button')).click();
    await field.fill('linnet:invite:Night watch');
    await button('Look').click();
    await page.getByText('You have been invited').waitFor();
    await look('B6-link-invite');
    await button('Join').click();
    await page.locator('.bar', { hasText: 'Waiting to be let in' }).waitFor();
    await pick('Tuesday rehearsal');
    const close = await openAbout(page);
    await button('Link for keeping it').click();
    await page.getByText('without being able to read it').waitFor();
    await look('B7-mirror-link');
    await press('Escape');
    if ((await page.locator('aside').count()) > 0) await close();
  });
}

// picker opens the topic of that name; what was last written there may name others.
function picker(page, phone) {
  return async (name) => {
    if (phone && (await page.locator('header .back').isVisible())) await page.locator('header .back').click();
    const topics = page.getByRole('tab', { name: 'Topics' });
    if ((await topics.getAttribute('aria-selected')) !== 'true') await topics.click();
    await page.locator('nav li a').filter({ has: page.locator('.name', { hasText: name }) }).first().click();
    await page.locator('main h1', { hasText: name }).waitFor();
    await page.locator('.list.shown').waitFor();
  };
}

// openAbout opens the details of the topic unless they are there, and gives what closes them.
async function openAbout(page) {
  if ((await page.locator('aside').count()) > 0) return async () => page.getByRole('button', { name: 'About this topic', exact: true }).click();
  await page.getByRole('button', { name: 'About this topic', exact: true }).click();
  await page.getByText('Is everything here?', { exact: true }).and(page.locator(':visible')).first().waitFor();
  return async () => ((await page.locator('aside').count()) > 0 ? page.getByRole('button', { name: 'About this topic', exact: true }).click() : page.keyboard.press('Escape'));
}
