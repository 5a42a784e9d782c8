// The screens of reach and bridges, against the mock.

// ways walks what is shown of the ways to others, and of bridges.
export async function ways({ page, server, step, look, phone, press }) {
  const visible = (name) => page.getByRole('button', { name, exact: true }).and(page.locator(':visible')).first();
  const panel = async () => {
    if (phone && (await page.locator('header .back').isVisible())) await page.locator('header .back').click();
    await page.getByRole('button', { name: /Who can be reached/ }).and(page.locator(':visible')).first().click();
    await page.getByText('Ways on this network').waitFor();
  };
  const show = (text) => page.locator('dialog').getByText(text, { exact: true }).first().scrollIntoViewIfNeeded();

  await step('R1-ways', async () => {
    await panel();
    await look('R1-ways');
    await page.getByText('4 ways that were not needed or are off').click();
    await show('Who can see that I am here');
    await look('R2-ways-rest');
    await page.getByText('Whoever runs a bridge that you use').scrollIntoViewIfNeeded();
    await look('R3-seen');
  });
  await step('R4-settings', async () => {
    await visible('Ways and settings').click();
    await page.getByText('Which ways may be used').waitFor();
    await look('R4-settings');
    await page.getByRole('radio', { name: /Tor only/ }).check();
    await page.getByText('Tor only needs this address').waitFor();
    if (await visible('Use this').isEnabled()) throw new Error('Tor only without an address can be used');
    await page.locator('dialog').getByText('Advanced').click();
    await look('R5-settings-tor');
    await page.getByLabel(/Onion address/).fill('nonsense');
    await page.getByLabel(/Where Tor is/).fill('127.0.0.1:9050');
    await page.getByText('This is not an address and a port').waitFor();
    await page.getByLabel(/Onion address/).fill('');
    await page.getByRole('radio', { name: /Bridges only/ }).check();
    await page.getByText('has to wait').waitFor();
    await page.getByText('has to wait').scrollIntoViewIfNeeded();
    await look('R6-settings-covert');
    await visible('Use this').click();
    await page.getByText('Opening again').waitFor();
    await page.getByText('Only bridges are used', { exact: false }).first().waitFor();
    await page.getByText('sees encrypted visits').waitFor();
    await look('R7-covert');
    await visible('Ways and settings').click();
    await page.getByRole('radio', { name: /Every way/ }).check();
    await page.getByText('will be able to tell').waitFor();
    await visible('Use this').click();
    await page.getByText('can tell that Linnet runs here and with which').waitFor();
    await press('Escape');
  });
  await step('R8-bridges', async () => {
    await panel();
    await visible('Bridges').click();
    await page.getByText('Bridges that I may use').waitFor();
    await look('R8-bridges');
    await page.getByRole('button', { name: 'Forget Lena’s bridge' }).click();
    await page.getByText('To come back you need its link again').waitFor();
    await look('R9-forget');
    await visible('Cancel').click();
    await page.getByText('Start Linnet there with').scrollIntoViewIfNeeded();
    await look('R10-no-bridge');
    await visible('Add a bridge').click();
    await page.getByLabel('Paste the bridge link').fill('linnet:claimed');
    await visible('Look').click();
    await page.getByText('something else than a bridge').waitFor();
    await look('R11-other-link');
    await page.getByLabel('Paste the bridge link').fill('Here you are: linnet:madeupbridgeabc');
    await visible('Look').click();
    await page.locator('.card', { hasText: 'The lighthouse' }).waitFor();
    await look('R12-bridge-link');
    await visible('Use this bridge').click();
    await page.locator('dialog li', { hasText: 'The lighthouse' }).waitFor();
    await press('Escape');
  });
  await step('R13-known', async () => {
    await visible('Open a link').click();
    await page.getByLabel('Paste the link').fill('linnet:madeupbridgeabc');
    await visible('Look').click();
    await page.getByText('You have this bridge already').waitFor();
    await look('R13-known');
    await visible('Show bridges').click();
    await page.getByRole('button', { name: 'Forget The lighthouse' }).click();
    await page.locator('.sure').getByRole('button', { name: 'Forget' }).click();
    await page.locator('dialog li', { hasText: 'The lighthouse' }).waitFor({ state: 'detached' });
  });
  await step('R14-links', async () => {
    server.mock.reach({ isBridge: true });
    await page.getByText('This computer is a bridge').scrollIntoViewIfNeeded();
    await page.getByText('Links that were handed out').scrollIntoViewIfNeeded();
    await look('R14-links');
    await page.getByLabel('For whom').fill('Grandma Rose');
    await press('Enter');
    await page.getByRole('img', { name: 'QR code of the bridge link for Grandma Rose' }).waitFor();
    await look('R15-new-link');
    await page.getByRole('button', { name: 'Take back the link for Grandma Rose' }).click();
    await page.getByText('This cannot be undone').waitFor();
    await look('R16-take-back');
    await page.locator('.below').getByRole('button', { name: 'Take back', exact: true }).click();
    await page.getByText('2 links that were taken back').click();
    await page.locator('.gone', { hasText: 'Grandma Rose' }).scrollIntoViewIfNeeded();
    await look('R17-taken-back');
    await press('Escape');
  });
  await step('R21-share', async () => {
    await page.locator('nav li a', { hasText: 'Lime Street' }).first().click();
    await page.locator('main h1', { hasText: 'Lime Street' }).waitFor();
    if (phone) await visible('About this topic').click();
    await visible('Share link').click();
    await page.getByText('For somebody for whom everything is blocked').click();
    await page.getByLabel('For whom').fill('Tomás');
    await press('Enter');
    await page.getByRole('img', { name: 'QR code of the link through this bridge, for Tomás' }).waitFor();
    await look('R21-share');
    server.mock.reach({ isBridge: false });
    await press('Escape');
  });
  await step('R18-nobody', async () => {
    server.mock.reach({ state: 'offline', summary: 'This computer has no network. What you write is kept and goes out later; to pass it on now, save it to a file and carry it.', ways: [], bridges: [], fixed: ['mode', 'no_mdns'] });
    await panel();
    await page.getByText('Nothing was tried here yet').waitFor();
    await look('R18-offline');
    await visible('Bridges').click();
    await page.getByText('None yet. Ask somebody').waitFor();
    await look('R19-no-bridges');
    await visible('Who can be reached').click();
    await visible('Ways and settings').click();
    await page.getByText('Start it without that option').first().waitFor();
    await look('R20-given');
    await press('Escape');
  });
}
