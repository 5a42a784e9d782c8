// Protection and devices, for the mock: a lock, words, a backup, devices, made up.
const names = 'anchor bridge candle desert eagle forest garden harbor island jacket kitchen lemon mirror narrow ocean planet quiz river silver timber umbrella velvet window zebra'.split(' ');

export class Guard {
  constructor(world) {
    this.world = world;
    this.lock = { protection: 'none', locked: false, auto_lock_minutes: 0, keyring_available: true };
    this.passphrase = '';
    this.devices = [
      { id: world.me.device, name: '', this: true, added: '2026-01-05T10:00:00Z' },
      { id: 'b'.repeat(64), name: 'Laptop', this: false, added: '2026-03-01T10:00:00Z' },
    ];
    this.offer = null;
  }

  // answer is undefined where a path is none of these.
  answer(method, path, body, headers, Refusal) {
    const ok = (answer) => ({ answer });
    const wrong = () => new Refusal(403, 'wrong_passphrase', 'This is not the passphrase', 'Try again. Capital letters and spaces count.');
    if (path === '/lock' && method === 'POST') this.lock = { ...this.lock, locked: true };
    if (path === '/lock' && method === 'PATCH') {
      if (body.protection && body.current !== undefined && body.current !== this.passphrase) throw wrong();
      this.lock = { ...this.lock, protection: body.protection ?? this.lock.protection, auto_lock_minutes: body.auto_lock_minutes ?? this.lock.auto_lock_minutes };
      if (body.protection) this.passphrase = body.passphrase ?? '';
    }
    if (path === '/unlock') {
      if (body.passphrase !== this.passphrase) throw wrong();
      this.lock = { ...this.lock, locked: false };
    }
    if (path === '/lock' || path === '/unlock') return ok(this.lock);
    if (path === '/me/recovery' && method === 'GET') return ok({ words: names, ask: [3, 11, 20], checked: this.world.me.phrase === 'checked' });
    if (path === '/me/recovery') {
      const right = body.ask.map((at, i) => names[at - 1] === body.words[i].trim().toLowerCase());
      if (!right.includes(false)) this.world.me.phrase = 'checked';
      return ok({ right, checked: !right.includes(false) });
    }
    if (path === '/devices' && method === 'GET') return ok({ items: this.devices, add: true });
    if (path === '/devices') {
      this.devices.push({ id: 'c'.repeat(64), name: body.name, this: false, added: new Date().toISOString() });
      return ok(this.devices.at(-1));
    }
    if (path.startsWith('/devices/')) {
      this.devices = this.devices.filter((d) => !path.endsWith(d.id));
      return ok({ left: 0, summary: 'It reads nothing that is written from now on. What it has, it keeps.' });
    }
    if (path === '/offer' && method === 'GET') {
      if (!this.offer) throw new Refusal(404, 'not_found', 'Nothing was offered');
      return ok(this.offer);
    }
    if (path === '/restore') {
      if (headers['linnet-passphrase'] !== Buffer.from('right').toString('base64')) throw new Refusal(403, 'wrong_passphrase', 'This is not the passphrase of the backup', 'Try again. Capital letters and spaces count.');
      return ok({ name: 'Ida', topics: 3, records: 812, summary: '3 topics with 812 records came back. This is a new device.' });
    }
    return undefined;
  }
}
