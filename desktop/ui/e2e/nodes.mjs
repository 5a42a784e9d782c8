// Real nodes on loopback with their pages in a real browser, for walks through
// what people do. Fails on any console error, policy violation or finding of axe.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { chromium } from 'playwright-core';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export async function until(what, done, seconds = 20) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const value = await done();
    if (value) return value;
    if (Date.now() > end) throw new Error(`${what}: still not after ${seconds} s`);
    await new Promise((r) => setTimeout(r, 50));
  }
}

export async function call(node, method, path, body) {
  const answer = await fetch(`${node.url}/api/v1${path}`, {
    method,
    headers: { Authorization: `Bearer ${node.token}`, ...(body ? { 'Content-Type': 'application/json' } : {}) },
    body: body && JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.status === 204 ? undefined : answer.json();
}

// begin walks the first start: a name, and the recovery words for another time.
export async function begin(page, name) {
  await page.getByLabel('What should people call you?').waitFor();
  await page.keyboard.type(name);
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Show my words' }).waitFor();
  await page.getByRole('button', { name: 'Later', exact: true }).click();
  await page.locator('.two button:visible').first().waitFor();
}

// Walk is one run: the nodes that it started, the browser, and what went wrong.
class Walk {
  failures = [];
  expectErrors = false; // while a refusal is played on purpose, which the browser logs
  #started = [];
  #ports = {}; // a page's port stays the same over a restart: the node remembers it

  constructor(name, program, pictures) {
    Object.assign(this, { name, program, pictures });
    this.folder = mkdtempSync(join(tmpdir(), `linnet-${name}-`));
  }

  fail = (what) => this.failures.push(what);
  step = (what) => console.log(`  ${what}`);

  // run starts the program on a folder of its own and waits for its discovery file.
  async run(name, how = ['--lan-only', '--no-mdns']) {
    const dir = join(this.folder, name);
    const file = join(dir, 'api.json');
    const old = existsSync(file) ? readFileSync(file, 'utf8') : '';
    const child = spawn(this.program, ['run', '--no-browser', ...how, '--data', dir, '--ui', `127.0.0.1:${this.#ports[name] ?? 0}`, '--listen', '/ip4/127.0.0.1/tcp/0'], { stdio: ['ignore', 'ignore', 'inherit'] });
    this.#started.push(child);
    const text = await until(`${name} runs`, () => {
      const now = existsSync(file) ? readFileSync(file, 'utf8') : '';
      return now !== old && now.trimEnd().endsWith('}') && now;
    });
    const { url, token } = JSON.parse(text);
    this.#ports[name] = new URL(url).port;
    return { child, url, token };
  }

  // stop ends a node in order.
  async stop(node) {
    node.child.kill('SIGTERM');
    await until('the program ends', () => node.child.exitCode !== null || node.child.signalCode !== null);
  }

  async open(node, name, colorScheme, width = 1280) {
    const context = await this.browser.newContext({ viewport: { width, height: 800 }, colorScheme, reducedMotion: 'reduce', permissions: ['clipboard-read', 'clipboard-write'] });
    await context.addInitScript(() => addEventListener('securitypolicyviolation', (e) => console.error('policy violation', e.violatedDirective, e.sourceFile)));
    const page = await context.newPage();
    page.setDefaultTimeout(20000);
    page.on('console', (m) => m.type() === 'error' && !this.expectErrors && this.fail(`${name}, console: ${m.text()} ${m.location().url}`));
    page.on('pageerror', (e) => this.fail(`${name}, script: ${e.message}`));
    await page.goto((await call(node, 'POST', '/session/codes')).url);
    return page;
  }

  // look takes a picture and lets axe judge the page.
  async look(page, name) {
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (wide > 0) this.fail(`${name}: wider than the screen by ${wide}`);
    const { violations } = await page.evaluate(`${axe}; axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })`);
    for (const v of violations) this.fail(`${name}, axe: ${v.id} at ${v.nodes.map((n) => n.target).join(' ')}`);
    if (this.pictures) await page.screenshot({ path: join(this.pictures, `${name}.png`) });
  }

  async go(walk) {
    this.browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
    });
    try {
      await walk(this);
    } catch (e) {
      this.fail(e.message);
      const pages = this.browser.contexts().flatMap((c) => c.pages());
      for (const [i, page] of pages.entries()) await page.screenshot({ path: join(tmpdir(), `linnet-${this.name}-failed-${i}.png`) }).catch(() => {});
    }
    await this.browser.close();
    const ended = (c) => c.exitCode !== null || c.signalCode !== null;
    for (const child of this.#started) if (!ended(child)) child.kill('SIGTERM');
    await until('the programs end', () => this.#started.every(ended)).catch((e) => this.fail(e.message));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

// walking reads the command line, walks, and ends with a code that says how it went.
export async function walking(name, walk) {
  const args = process.argv.slice(2);
  if (!args[0]) {
    console.error(`usage: ${name}.mjs PROGRAM [--pictures DIR]`);
    process.exit(2);
  }
  const w = new Walk(name, resolve(args[0]), args.includes('--pictures') ? args[args.indexOf('--pictures') + 1] : undefined);
  await w.go(walk);
  console.log(w.failures.length === 0 ? '1 passed, 0 failed' : w.failures.map((f) => ` - ${f}`).join('\n') + '\n0 passed, 1 failed');
  process.exit(w.failures.length === 0 ? 0 : 1);
}
