// The screens of protection and devices, for look.mjs.

// backAgain walks what somebody sees who has used Linnet before.
export async function backAgain({ page, server, step, look }) {
  const button = (name) => page.getByRole('button', { name, exact: true });
  await step('90-words', async () => {
    await page.goto('about:blank');
    server.mock.scenario({ name: 'fresh' });
    await page.goto(`${server.base}/#code=${server.mock.code().code}`);
    await page.getByLabel('What should people call you?').fill('Ida');
    await page.keyboard.press('Enter');
    await button('Show my words').waitFor();
    await look('90-words-offered');
    await button('Show my words').click();
    await page.locator('.words li').nth(23).waitFor();
    await look('91-words');
    await button('I have written them down').click();
    const fields = page.locator('form input');
    for (let i = 0; i < 3; i++) await fields.nth(i).fill('wrong');
    await button('Check').click();
    await page.getByRole('alert').first().waitFor();
    await look('92-words-wrong');
    for (const [i, word] of ['candle', ' Kitchen ', 'timber'].entries()) await fields.nth(i).fill(word);
    await button('Check').click();
    await page.locator('.toast', { hasText: 'written down' }).waitFor();
  });
  await step('93-restore', async () => {
    await page.goto('about:blank');
    server.mock.scenario({ name: 'fresh' });
    await page.goto(`${server.base}/#code=${server.mock.code().code}`);
    await button('I have a backup').click();
    await look('93-restore');
    await page.locator('input[type=file]').setInputFiles({ name: 'Linnet-2026-11-30.linnet-backup', mimeType: 'application/octet-stream', buffer: Buffer.alloc(200_000, 1) });
    await page.getByLabel('Passphrase of the backup').fill('right');
    await look('94-restore-file');
    await button('Restore').click();
    await page.getByText('Your backup is restored').waitFor();
    await look('95-restored');
  });
  await step('96-join', async () => {
    await page.goto('about:blank');
    server.mock.scenario({ name: 'fresh' });
    server.mock.offer({ account: 'a', name: 'Ida', ready: true, topics: 4, people: 1 });
    await page.goto(`${server.base}/#code=${server.mock.code().code}`);
    await button('I use it on another computer').click();
    await page.getByRole('img', { name: /QR code/ }).waitFor();
    await look('96-join');
    await button('Yes, that is me').waitFor();
    await look('97-join-offer');
  });
  await page.goto('about:blank');
  server.mock.scenario({ name: 'full' });
}

// protection walks the lock, the words, a backup, devices, and the end of everything.
export async function protection({ page, server, step, look, phone, press }) {
  const button = (name) => page.getByRole('button', { name, exact: true });
  const inDialog = (name) => page.locator('dialog').getByRole('button', { name });
  const open = async () => {
    if (phone && (await page.locator('header .back').isVisible())) await page.locator('header .back').click();
    await button('Settings').click();
    await button('Passphrase, recovery words, backup, devices').click();
  };
  await step('100-protection', async () => {
    await open();
    await look('100-protection');
    await inDialog(/^Passphrase/).click();
    await page.getByLabel('New passphrase').fill('short');
    await look('101-passphrase-weak');
    await page.getByLabel('New passphrase').fill('otter violin gravel summit');
    await page.getByLabel('The same once more').fill('otter violin gravel');
    await inDialog('Set passphrase').click();
    await page.getByRole('alert').waitFor();
    await look('102-passphrase-differ');
    await page.getByLabel('The same once more').fill('otter violin gravel summit');
    await page.getByText('A second passphrase for emergencies').click();
    await look('103-decoy');
    await inDialog('Set passphrase').click();
    await page.locator('.toast', { hasText: 'The passphrase is set' }).waitFor();
    await look('104-protected');
    await inDialog(/^Passphrase/).click();
    await look('105-passphrase-change');
    await inDialog('Cancel').click();
  });
  await step('106-backup', async () => {
    await inDialog(/^Backup/).click();
    await look('106-backup');
    await inDialog('Cancel').click();
  });
  await step('107-devices', async () => {
    await inDialog(/^Your devices/).click();
    await page.getByText('Laptop').waitFor();
    await inDialog('Remove').click();
    await look('107-devices');
    await inDialog('Yes, remove it').click();
    await page.getByText('It reads nothing').last().waitFor();
    await inDialog('Back').click();
  });
  await step('108-wipe', async () => {
    await inDialog(/^Destroy everything/).click();
    await look('108-wipe');
    await press('Escape');
  });
  await step('109-locked', async () => {
    await look('109-lock-button');
    await button('Lock now').click();
    await page.getByRole('heading', { name: 'Linnet is locked' }).waitFor();
    await look('109-locked');
    await page.getByText('Forgotten, or in danger?').click();
    await look('110-forgotten');
    await page.getByLabel('Passphrase', { exact: true }).fill('otter violin gravel summit');
    await button('Unlock').click();
    await page.locator('nav').first().waitFor();
  });
  server.mock.scenario({ name: 'full' });
}
