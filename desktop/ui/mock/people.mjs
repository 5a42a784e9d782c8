// Made-up people and private topics, beside the topics of world.mjs.
import { day, english, hour, key, minute, person } from './world.mjs';

const groups = (a, b) => Array.from({ length: 12 }, (_, i) => String((parseInt(key([a, b].sort().join('') + i).slice(0, 8), 16) * (i + 7)) % 100_000).padStart(5, '0'));
const sealing = (more = {}) => ({ member: true, members: 1, invited: 0, joining: false, refused: false, removed: false, fade_seconds: 0, stranger: false, newcomers_read: 0, summary: english, ...more });

export class People {
  constructor(world) {
    this.world = world;
    this.contacts = [];
    this.links = 1;
    this.hints = { receipts: false, typing: false, presence: false };
  }

  seed(now) {
    const { world } = this;
    const anna = this.contact('Anna', { verified: true });
    const chat = this.direct(anna, { followers: 1 });
    [['Anna', 'Did you get home before the rain?'], ['me', 'Just. The last corner was a river.'], ['Anna', 'I have the key to the boat house, by the way. Shall we meet at nine?'], ['me', 'Nine is good. I bring the thermos.']].forEach(([who, text], i) =>
      this.say(chat, who, anna, text, now - (4 - i) * 6 * minute - 3 * hour, who === 'me' ? { state: 'acknowledged' } : {}),
    );
    chat.read_up_to = chat.messages.at(-1).id;
    const boris = this.contact('Boris', { waiting: true, claimed: 'B. Orlov' });
    const queued = this.direct(boris, { joined: now - 4 * hour });
    this.say(queued, 'me', boris, 'Hello Boris, this is Ida from the harbour office. Write back when you are there.', now - 4 * hour, { state: 'queued' });
    this.contact('Old landlord', { blocked: true });
    const petr = this.contact('Petr', { new_device: new Date(now - 3 * day).toISOString() });
    const talk = this.direct(petr, { joined: now - 13 * day, followers: 1, live: { typing: true, here: true }, sealing: sealing({ members: 3 }) });
    this.say(talk, 'me', petr, 'Is the boat dry?', now - 13 * day, { state: 'read' });
    this.say(talk, 'Petr', petr, 'New telephone, same boat. Dry as a bone.', now - 13 * day + hour);
    talk.read_up_to = talk.messages.at(-1).id;
    const odd = this.contact('Grandma Rose', {});
    const spied = this.direct(odd, { joined: now - 11 * day, sealing: sealing({ members: 3, stranger: true }) });
    this.say(spied, 'Grandma Rose', odd, 'Dear, could you send me the papers again?', now - 11 * day);
    spied.read_up_to = spied.messages.at(-1).id;
    this.request('Anna');
    this.request('Tomás');

    const writers = ['Marta', 'Petr', 'Yuki Tanaka'];
    const choir = world.topic('Tuesday rehearsal', 'private', { description: 'Who sings what, and who brings the cake.', role: 'owner', followers: 2, joined: now - 20 * day, sealing: sealing({ members: 6, invited: 1, newcomers_read: 50 }) });
    choir.members = [
      this.member('me', 'owner', world.me.account), this.member('me2', 'owner', world.me.account), this.member('Anna', 'admin', anna.id),
      ...writers.slice(0, 2).map((name) => this.member(name, 'writer', key('account of ' + name))), this.member('<b>Nobody</b>\u202E knows', 'writer', ''),
    ];
    this.add(choir, 'Marta', 'Nothing of this can be read.', now - 9 * day, { closed: 'faded' });
    for (let i = 0; i < 3; i++) this.add(choir, 'Petr', '', now - 8 * day + i * minute, { closed: 'before' });
    this.add(choir, 'Anna', 'The second altos are one short on Tuesday. Can anybody ask Yuki?', now - 8 * day + hour, {}, anna.id);
    this.add(choir, 'me', 'I did, she comes.', now - 8 * day + 2 * hour, { state: 'stored', stored_by: 2 });
    this.add(choir, 'Marta', 'Then we are eleven. Cake: me.', now - 2 * day, {}, key('account of Marta'));
    this.add(choir, 'Petr', '', now - 2 * day + minute, { closed: 'pending' });
    this.add(choir, 'Petr', '', now - 2 * day + 2 * minute, { closed: 'forged' });
    choir.read_up_to = choir.messages.at(-1).id;

    const joining = world.topic('Allotment committee', 'private', { role: 'reader', can_post: false, joined: now - 30 * day, sealing: sealing({ member: false, joining: true }) });
    joining.members = [];
    const out = world.topic('Flat 4b', 'private', { role: 'reader', can_post: false, joined: now - 31 * day, sealing: sealing({ member: false, removed: true, members: 2 }) });
    this.add(out, 'Petr', 'The heating man comes on Monday.', now - 31 * day);
    for (let i = 0; i < 4; i++) this.add(out, 'Petr', '', now - 31 * day + (i + 1) * hour, { closed: 'before' });
    out.members = [this.member('Petr', 'owner', key('account of Petr')), this.member('Olga', 'writer', key('account of Olga'))];
    out.read_up_to = out.messages.at(-1).id;
    const refused = world.topic('Book circle', 'private', { role: 'reader', can_post: false, joined: now - 32 * day, sealing: sealing({ member: false, refused: true, members: 3 }) });
    refused.members = [];
    const kept = world.topic('', 'private', { role: 'reader', can_post: false, followers: 2, joined: now - 33 * day, sealing: sealing({ member: false, members: 9 }) });
    for (let i = 0; i < 9; i++) this.add(kept, '', '', now - 33 * day + i * hour, { closed: 'pending' });
    kept.members = [];
    kept.read_up_to = kept.messages.at(-1).id;
  }

  contact(name, more) {
    const c = { id: key('account of ' + name + this.contacts.length), name, claimed: name, topic: '', request: false, waiting: false, verified: false, blocked: false, added: new Date().toISOString(), ...more };
    this.contacts.push(c);
    return c;
  }

  direct(c, more) {
    const topic = this.world.topic(c.name, 'direct', { role: 'owner', contact: c.id, link: '', sealing: sealing({ members: c.waiting ? 1 : 2 }), ...more });
    topic.members = [this.member('me', 'owner', this.world.me.account), this.member(c.name, 'owner', c.id)];
    c.topic = topic.id;
    return topic;
  }

  member(name, role, account) {
    const me = name === 'me';
    return { author: { ...person(me || name === 'me2' ? this.world.me.name : name), id: key(name + ' device'), me, ...(account ? { account } : {}) }, role };
  }

  say(topic, who, c, text, ms, more) {
    return this.add(topic, who, text, ms, more, c.id);
  }

  add(topic, who, text, ms, more = {}, account = '') {
    const m = this.world.add(topic, who, text, ms, more);
    if (who !== 'me' && account) m.author.account = account;
    if (m.closed) Object.assign(m, { text: '', entities: [] });
    return m;
  }

  begin({ newcomers_read = 0, fade_seconds = 0 }) {
    return { sealing: sealing({ newcomers_read, fade_seconds }), members: [this.member('me', 'owner', this.world.me.account)] };
  }

  join({ invite }) {
    return { can_post: false, role: 'reader', sealing: sealing({ member: false, joining: invite }), members: [] };
  }

  request(name) {
    const c = this.contact(name, { request: true });
    this.told();
    return c;
  }

  told() {
    this.world.emit('node.updated', { node: this.world.node }, false);
  }

  link(link) {
    const base = { topic: '', description: '', verified: true, joined: false, peers: 1, invite: false };
    if (link === this.myLink()) return { ...base, kind: 'contact', name: this.world.me.name, contact: this.world.me.account };
    if (link.startsWith('linnet:person:')) {
      const name = link.slice(14);
      const known = this.contacts.find((c) => c.claimed === name && !c.request);
      return { ...base, kind: 'contact', name, contact: known && name !== 'Anna' ? known.id : key('account of ' + name + 'by link'), joined: Boolean(known) && name !== 'Anna' };
    }
    if (link.startsWith('linnet:invite:')) return { ...base, topic: key('invited').slice(0, 52), kind: 'private', name: link.slice(14), invite: true };
    if (link.startsWith('linnet:keep:')) return { ...base, topic: key('kept').slice(0, 52), kind: 'private', name: '' };
    return null;
  }

  myLink() {
    return 'linnet:me' + this.links + '.' + key('contact link' + this.links).repeat(14);
  }

  addByLink(id, claimed, name) {
    const c = { ...this.contact(name || claimed, { claimed, waiting: true }), id };
    this.contacts[this.contacts.length - 1] = c;
    const topic = this.direct(c, { joined: Date.now() });
    this.world.emit('topic.created', { topic: topic.id, info: this.world.view(topic) });
    this.told();
    return c;
  }

  // answer serves the paths of people, null for others.
  answer(method, path, body, Refusal) {
    const ok = (answer) => ({ answer });
    if (path === '/contacts' && method === 'GET') return ok({ items: this.contacts });
    if (path === '/contacts') {
      const found = this.link(body.link);
      if (!found?.contact) throw new Refusal(422, 'bad_link', 'This contact link does not work', 'It is incomplete. Ask for it again.');
      return ok(this.addByLink(found.contact, found.name, body.name));
    }
    if (path === '/me/hints') return ok(Object.assign(this.hints, body));
    if (path === '/me/link') {
      if (method === 'POST') this.links++;
      return ok({ link: this.myLink() });
    }
    const match = /^\/contacts\/([^/]+)(\/.*)?$/.exec(path);
    if (!match) return null;
    const c = this.contacts.find((c) => c.id === match[1]);
    if (!c) throw new Refusal(404, 'not_found', 'There is no such contact');
    if (match[2] === '/safety') return ok({ groups: groups('me', c.id), code: 'LS1:' + key('code' + c.id) });
    if (match[2] === '/verify') {
      const result = body.same || body.scanned === 'LS1:theirs' ? 'match' : body.scanned === 'LS1:' + key('code' + c.id) ? 'own_code' : /^LS1:/.test(body.scanned) ? 'different' : 'unreadable';
      if (result === 'match') c.verified = true;
      return ok({ result, contact: c });
    }
    if (method === 'DELETE') {
      this.contacts = this.contacts.filter((x) => x !== c);
      this.world.topics.filter((t) => t.id === c.topic).forEach((t) => this.world.leave(t));
      this.told();
      return ok(undefined);
    }
    if (method === 'PATCH') this.change(c, body);
    return ok(c);
  }

  change(c, { name, blocked, accepted, verified, devices_seen }) {
    if (devices_seen) delete c.new_device;
    if (name !== undefined) c.name = name || c.claimed;
    if (verified !== undefined) c.verified = verified;
    if (blocked !== undefined) Object.assign(c, { blocked, ...(blocked ? { request: false } : {}) });
    if (accepted) {
      c.request = false;
      if (!c.topic) {
        const topic = this.direct(c, { followers: 1, joined: Date.now() });
        this.say(topic, c.name, c, 'Hello, we met on the ferry. You gave me your link.', Date.now() - hour);
        this.world.emit('topic.created', { topic: topic.id, info: this.world.view(topic) });
      }
    }
    const topic = this.world.topics.find((t) => t.id === c.topic);
    if (topic) {
      topic.name = c.name;
      this.world.emit('topic.updated', { topic: topic.id, info: this.world.view(topic) }, false);
    }
    this.told();
  }

  // inTopic serves members and invitations, null for other paths.
  inTopic(topic, method, rest, query, Refusal) {
    const changed = (answer) => {
      if (topic.sealing) topic.sealing = { ...topic.sealing, members: topic.members.length };
      this.world.emit('topic.updated', { topic: topic.id, info: this.world.view(topic) }, false);
      return { answer };
    };
    if (rest === '/members') return { answer: { items: topic.members ?? [{ author: { ...person(topic.name), me: topic.role === 'owner' }, role: 'owner' }], invited: topic.sealing?.invited ?? 0 } };
    if (rest === '/typing') return { answer: undefined };
    if (rest === '/invites' && method === 'DELETE') {
      const cancelled = topic.sealing.invited;
      topic.sealing = { ...topic.sealing, invited: 0 };
      return changed({ cancelled });
    }
    if (rest === '/invites') {
      if (topic.sealing) topic.sealing.invited++;
      const link = 'linnet:invite:' + query.get('role') + key('invitation' + (topic.sealing?.invited ?? 0)).repeat(6);
      return changed({ link, expires: new Date(Date.now() + 30 * day).toISOString() });
    }
    const match = /^\/members\/([^/]+)$/.exec(rest);
    if (!match) return null;
    const at = topic.members.findIndex((m) => m.author.id === match[1]);
    if (at < 0) throw new Refusal(404, 'not_found', 'There is no such member');
    if (method === 'DELETE') topic.members.splice(at, 1);
    else topic.members[at].role = 'admin';
    return changed(undefined);
  }
}
