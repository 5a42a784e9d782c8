// Made-up topics for the page: ordinary ones, very long ones, and hostile ones.

import { People } from './people.mjs';
import { Reach } from './reach.mjs';

export const minute = 60_000;
export const hour = 60 * minute;
export const day = 24 * hour;

const people = ['Marta', 'Jonas Lindqvist', 'Amina', 'Petr', 'Yuki Tanaka', 'Олена', 'Grandma Rose', 'Tomás'];
export const id = (n) => 'k' + Array.from({ length: 43 }, (_, i) => 'abcdefghijklmnopqrstuvwxyz234567'[(n * 7 + i * i * 5 + i * n + (n >> 5) * i * 3) % 32]).join('');
export const key = (name) => Array.from({ length: 64 }, (_, i) => '0123456789abcdef'[(name.charCodeAt(i % (name.length || 1)) * (i + 3)) % 16]).join('');

const harbour = [
  'The night ferry to Orsk runs again from Thursday. Tickets only at the pier, cash or card.',
  'Water on Quay 4 is off tomorrow from 9 to 13 while the main pipe is repaired. Please fill what you need tonight.\n\nThe school and the clinic are not affected.',
  'Three candidates for the harbour council answered our ten questions. Nobody agreed on parking.\n\nThe whole conversation: https://harbour.example/council/ten-questions',
  'We asked the port authority for the dredging figures again. They have until Friday to answer; after that we publish the letter.',
  'Correction: the concert on Saturday begins at 19:00, not at 20:00. Thank you to the eleven people who wrote to us about it.',
  'A grey seal has moved in under the old customs house. Please keep dogs on a lead and do not feed it, however politely it asks.',
  'Storm warning for tonight, gusts up to 95 km/h from the west. The small boats have been asked to move to the inner basin before 18:00.',
  'From our readers: if you have photographs of the 1974 flood, bring them to the library on Tuesday. They will be scanned while you wait, and you take them home again.',
];
const street = [
  ['Marta', 'Morning all. Does anybody have a ladder I could borrow until the evening?'],
  ['Jonas Lindqvist', 'I do, the long one. It is behind the shed, just take it.'],
  ['Marta', 'You are a treasure'],
  ['Marta', '🙏'],
  ['Grandma Rose', 'Careful with the third step. It is older than I am.'],
  ['Amina', 'The council has put the plans for the crossing online: https://town.example/plans/crossing-2026.pdf\n\nPage 4 is the one that matters to us.'],
  ['Petr', 'They want to take out the two lime trees??'],
  ['Amina', 'One of them. Unless we write before the 30th.'],
  ['me', 'I can put a letter together tonight, if two people read it over.'],
  ['Jonas Lindqvist', 'Count me in.'],
  ['Yuki Tanaka', 'Me too! I have the measurements from last year somewhere, will look for them after work.'],
  ['me', 'Perfect. Draft comes around nine.'],
  ['Олена', 'Дякую! I will translate it for the upper floors.'],
];

const hostileNames = ['<img src=x onerror=alert(1)>', 'Admin\u202Egnp.exe', '"><script>alert(1)</script>', 'A'.repeat(128), '\u0000\u200F\u2066', 'Z̷̧̛̹͇͍̰̞̳͇̯͎͍̾̉̎̇a̸̛͙͎l̷g̶o̵', '{name} {n}', '👩‍👩‍👧‍👦'];
const hostileTexts = [
  '<img src=x onerror="document.body.innerHTML=1"><svg onload=alert(1)>',
  '[click](javascript:alert(1)) javascript:alert(1) data:text/html,<script>alert(1)</script>',
  'This text \u202Eis turned around',
  'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft'.repeat(6),
  'h̸̢̡̛̛͓̖̮̬̗͔̲͙̤̲̗̼̓̈́̽̃̓̍̀͗̊̏̉̽̕͝ȩ̵̛̩̞̰̺̰̹̟̗̣̣̂̄̈́̌̎̓̈́̊̍͆̕͜͝͝ ̶c̵o̴m̷e̶s̸ '.repeat(8),
  'https://bank.example/login is not where this leads',
  '👍',
  '🐦🌿🎶',
  'line\n'.repeat(60),
  '{{constructor.constructor("alert(1)")()}} ${alert(1)} %s %d {n}',
  'http://xn--80ak6aa92e.com/ and mailto:anna@harbour.example?subject=hi',
];
const arabic = ['صباح الخير، هل سيكون السوق مفتوحا غدا؟', 'نعم، من الساعة 8 حتى 14:00 كالعادة. التفاصيل هنا: https://souk.example/hours', 'شكرا! See you there 🙂', 'לא אוכל להגיע מחר, אולי ביום ראשון?'];
const words = 'the tide came in slowly over the flats and every bird along the wall turned to face the wind as if somebody had given a quiet order that only they could hear before the light went out behind the cranes'.split(' ');

function links(text) {
  const out = [];
  for (const m of text.matchAll(/\bhttps?:\/\/[^\s<>]+|\bmailto:[^\s<>]+/g)) out.push({ type: 'link', offset: m.index, length: m[0].length, url: m[0] });
  if (text.includes('[click]')) {
    out.push({ type: 'link', offset: 0, length: 7, url: 'javascript:alert(1)' }, { type: 'link', offset: 30, length: 4000, url: 'https://x.example' }, { type: 'link', offset: -3, length: 2, url: 'https://x.example' });
  }
  if (text.includes('bank.example')) out[0].url = 'https://evil.example/bank.example';
  return out;
}

// What the node says in English, which the page makes of the other fields itself.
export const english = 'THIS IS NOT SHOWN';
export const person = (name) => ({ id: key(name), name, me: false });
const behind = (a, b) => a.time_ms > b.time_ms || (a.time_ms === b.time_ms && a.id > b.id);
const cursor = (m) => Buffer.from(`${m.time_ms} ${m.id}`).toString('base64url');
const place = (text) => {
  const [time, id] = Buffer.from(text, 'base64url').toString().split(' ');
  return { time_ms: Number(time), id };
};
const magic = 'made-up bundle\n';

export class World {
  constructor(name) {
    const now = Date.now();
    this.now = now;
    this.n = 0;
    this.events = [];
    this.eventBase = 'e' + now.toString(36) + '-';
    this.onevent = () => {};
    this.topics = [];
    this.folders = [];
    this.me = { name: name === 'fresh' ? '' : 'Ida', account: key('account'), device: key('device'), phrase: name === 'fresh' ? 'unchecked' : 'checked' };
    const crowd = name === 'full';
    this.peers = crowd
      ? [
          { peer_id: '12D3KooWQ1', address: '/ip4/192.168.1.23/udp/4040/quic-v1/p2p/12D3KooWQ1rTfVb7a3kZy9', nearby: true, topics: 3 },
          { peer_id: '12D3KooWQ2', address: '/ip4/203.0.113.77/tcp/4040/p2p/12D3KooWQ2mNnP4w8cXe5', nearby: false, topics: 1 },
          { peer_id: '12D3KooWQ4', address: '/linnet-way/drip-b84bfb4f717f6fbc', nearby: false, topics: 2 },
          { peer_id: '12D3KooWQ3', address: '/ip6/2001:db8:7:1::42/udp/4040/quic-v1/p2p/12D3KooWQ3hGd2s6tRu1', nearby: false, topics: 0 },
        ]
      : [];
    this.node = {
      version: '0.1.0-mock',
      peer_id: '12D3KooWMe',
      addresses: ['/ip4/127.0.0.1/udp/4040/quic-v1/p2p/12D3KooWMe', '/ip4/192.168.1.20/udp/4040/quic-v1/p2p/12D3KooWMe'],
      peers: this.peers.length,
      reachability: crowd
        ? { state: 'connected', summary: 'You can reach 2 people directly and 1 on this network. You are also connected through a bridge. QUIC is blocked on this network, so Linnet uses ordinary connections (TCP).', nearby: 1, lan_only: false, mode: 'open' }
        : { state: 'alone', summary: 'Nobody to reach yet. Open a link, or send yours to somebody.', nearby: 0, lan_only: false, mode: 'open' },
      name: this.me.name,
      started: new Date(now - 3 * hour).toISOString(),
      disk: { path: '/home/ida/.local/share/linnet', bytes: 48_300_000, free: 91_000_000_000 },
    };
    this.people = new People(this);
    if (crowd) this.seed(now);
    this.reach = new Reach(this, crowd);
  }

  seed(now) {
    const news = this.topic('Harbour News', 'broadcast', { description: 'What happens between the pier and the railway, told by people who live there.\nWrite to us: mailto:desk@harbour.example', followers: 3, role: 'reader', can_post: false });
    for (let i = 0; i < 34; i++) this.add(news, 'Harbour News', harbour[i % harbour.length], now - (34 - i) * 5 * hour);
    news.read_up_to = news.messages.at(-4).id;

    const room = this.topic('Lime Street neighbours', 'open', { description: 'Ladders, parcels, trees.', followers: 2, role: 'owner' });
    street.forEach(([who, text], i) => this.add(room, who, text, now - (i < 5 ? day : 0) - (street.length - i) * 4 * minute));
    room.messages[9].reply_to = room.messages[8].id;
    room.messages[8].state = 'stored';
    room.messages[8].stored_by = 3;
    room.messages[11].state = 'handed';
    delete room.messages[11].stored_by;
    this.add(room, 'me', 'Here is the letter, please tell me if a sentence is wrong.', now - 2 * minute, { reply_to: room.messages[5].id, state: 'queued' });
    room.read_up_to = room.messages.at(-1).id;

    const big = this.topic('Tide tables, five thousand posts', 'open', { followers: 1 });
    for (let i = 0; i < 5000; i++) {
      const length = 4 + ((i * 7919) % 45);
      const text = `${i + 1}. ` + Array.from({ length }, (_, j) => words[(i * 13 + j) % words.length]).join(' ');
      this.add(big, i % 9 === 4 ? 'me' : people[(i * 31 + (i >> 2)) % people.length], text, now - (5000 - i) * 17 * minute - hour, i % 9 === 4 ? { state: 'stored', stored_by: 1 + (i % 4) } : {});
    }
    big.read_up_to = big.messages[4700].id;

    const bad = this.topic('<b onmouseover=alert(1)>Free\u202Estuff</b> ' + 'very-long-name-'.repeat(6), 'open', { description: '<script>alert(1)</script>\u202Eevil', followers: 0 });
    hostileTexts.forEach((text, i) => this.add(bad, hostileNames[i % hostileNames.length], text, now - (hostileTexts.length - i) * 9 * minute - 2 * hour));
    bad.messages[3].reply_to = 'not-here';
    bad.messages[8].reply_to = bad.messages[0].id;
    bad.messages[9].bodiless = true;
    bad.messages[9].text = '';
    bad.read_up_to = bad.messages.at(-1).id;

    const souk = this.topic('أخبار السوق', 'open', { followers: 1, description: 'كل ما يخص سوق المدينة' });
    arabic.forEach((text, i) => this.add(souk, ['ليلى', 'يوسف', 'me', 'דנה'][i], text, now - (arabic.length - i) * 50 * minute - day, i === 2 ? { state: 'stored', stored_by: 1 } : {}));
    souk.read_up_to = souk.messages.at(-1).id;

    const mine = this.topic('Ida’s reading list', 'broadcast', { role: 'owner', followers: 0, joined: now - 9 * day });
    mine.draft = 'Three books about islands, and one that';

    const gap = this.topic('River watch', 'broadcast', {
      role: 'reader', can_post: false, followers: 1,
      completeness: {
        state: 'missing', have: 4830, posts: 4812, missing: 12, asking: 2, summary: english,
        checkpoint: { number: 97, by: person('Anna'), time: new Date(now - 6 * day).toISOString(), posts: 4824, met: false },
        holes: [
          { author: person('Boris'), from: 41, to: 43 },
          { author: person('Anna'), from: 2307, to: 2307 },
          { author: person(hostileNames[0]), from: 12, to: 0 },
        ],
      },
    });
    for (let i = 0; i < 3; i++) this.add(gap, 'River watch', ['Level at the mill: 214 cm, falling.', 'Level at the mill: 209 cm, steady.', 'Gauge 3 is out of order until Monday.'][i], now - (3 - i) * 7 * hour - 3 * day);
    gap.read_up_to = gap.messages.at(-1).id;

    const fork = this.topic('Open mic', 'open', { followers: 2, completeness: { state: 'forked', missing: 0, summary: english, forks: [{ author: person('Petr'), seq: 7, time: new Date(now - 5 * day).toISOString() }] } });
    this.add(fork, 'Petr', 'Sign up for Friday here. Six places left.', now - 5 * day);
    this.add(fork, 'Amina', 'One for me, please. Two songs.', now - 5 * day + 4 * minute);
    fork.read_up_to = fork.messages.at(-1).id;

    this.topic('Choir', 'open', {
      followers: 0, can_post: false, joined: now - 10 * minute,
      completeness: { state: 'waiting', missing: 0, summary: english },
    });

    const long = this.topic('The lighthouse log', 'broadcast', {
      role: 'reader', can_post: false, followers: 2, retention: { keep: 'last', n: 3 },
      completeness: { state: 'missing', have: 12_300, posts: 12_290, missing: 87_700, asking: 2, progress: { done: 12_300, total: 100_000 }, summary: english },
    });
    for (let i = 0; i < 6; i++) this.add(long, 'Keeper', `Watch ${i + 1}. Wind ${i + 2}, sea ${['calm', 'slight', 'moderate'][i % 3]}, the light burned from dusk to dawn.`, now - (6 - i) * 3 * hour - 8 * day, i < 3 ? { text: '', entities: [], bodiless: true } : {});
    long.read_up_to = long.messages.at(-1).id;

    const fresh = this.topic('Bread swap', 'open', { followers: 1, role: 'owner' });
    this.add(fresh, 'me', 'A room for sourdough, starters and swaps.', now - 3 * day);
    this.add(fresh, 'Amina', 'I have two starters to give away.', now - 2 * hour);
    this.add(fresh, 'Tomás', 'One for me, please.', now - hour);

    const anna = { number: 97, by: person('Marta'), time: new Date(now - hour).toISOString(), posts: 12, met: true };
    room.completeness = { state: 'complete', missing: 0, checkpoint: anna, summary: english };
    news.completeness = { state: 'complete', missing: 0, checkpoint: { ...anna, number: 4, by: person('Harbour News'), posts: 34 }, summary: english };
    this.folders = [
      { folder: { path: '/media/ida/STICK/linnet', watch: true }, wrote: 214, new: 12, last_look: new Date(now - 2 * minute).toISOString() },
      { folder: { path: '/home/ida/Sync/harbour', topics: [news.id], watch: true }, wrote: 0, new: 0, last_look: new Date(now - 20 * minute).toISOString(), problem: 'This folder is not there right now. Put the stick back in, or stop using the folder.' },
    ];
    this.people.seed(now);
    this.events = [];
  }

  topic(name, kind, extra = {}) {
    const n = this.topics.length + 1;
    const t = {
      id: id(n + Math.floor(Math.random() * 0)),
      kind,
      name,
      description: '',
      link: 'https://linnet.example/t#' + id(n) + id(n + 40) + '.' + id(n + 9),
      role: kind === 'open' ? 'writer' : 'owner',
      can_post: true,
      read_up_to: '',
      followers: 0,
      completeness: { state: 'unknown', missing: 0, summary: english },
      retention: { keep: 'all' },
      hide_origin: kind === 'private',
      draft: '',
      created: new Date(this.now - 40 * day).toISOString(),
      messages: [],
      ...extra,
    };
    t.joined = new Date(extra.joined ?? this.now - 39 * day).toISOString();
    this.topics.push(t);
    return t;
  }

  add(topic, who, text, ms, extra = {}) {
    const mine = who === 'me';
    const n = ++this.n;
    const message = {
      id: 'm' + String(n).padStart(6, '0') + key(String(n)).slice(0, 40),
      topic: topic.id,
      seq: topic.messages.length + 1,
      time: new Date(ms).toISOString(),
      time_ms: Math.floor(ms),
      author: { id: key((mine ? 'me' : who) + topic.name), name: mine ? this.me.name : who, me: mine },
      text,
      entities: links(text),
      state: mine ? 'stored' : 'received',
      ...(mine ? { stored_by: 2 } : {}),
      ...extra,
    };
    if (message.state === 'queued') delete message.stored_by;
    this.insert(topic, message);
    return message;
  }

  // insert puts a message where its time says.
  insert(topic, message) {
    let at = topic.messages.length;
    while (at > 0 && behind(topic.messages[at - 1], message)) at--;
    topic.messages.splice(at, 0, message);
  }

  view(topic) {
    const { messages, members, ...rest } = topic;
    const at = messages.findIndex((m) => m.id === topic.read_up_to);
    const unread = messages.slice(at + 1).filter((m) => !m.author.me).length;
    const posts = messages.length;
    return { ...rest, unread: Math.min(unread, 1000), last: messages.at(-1), completeness: { have: posts + (posts > 0 ? 2 : 0), posts, ...rest.completeness } };
  }

  head() {
    return this.eventBase + this.events.length;
  }

  emit(type, data, durable = true) {
    const event = { type, data: { v: 1, ...data } };
    if (durable) {
      this.events.push(event);
      event.id = this.head();
    }
    this.onevent(event);
  }

  since(last) {
    if (!last) return [];
    if (!last.startsWith(this.eventBase)) return [{ type: 'reset', data: { v: 1, reason: 'unknown', head: this.head() } }];
    return this.events.slice(Number(last.slice(this.eventBase.length)));
  }

  rename(name) {
    this.me.name = this.node.name = name;
    this.emit('node.updated', { node: this.node }, false);
    return this.me;
  }

  create({ kind, name, description, ...draft }) {
    const topic = this.topic(name, kind, { description: description ?? '', role: 'owner', joined: Date.now(), ...(kind === 'private' ? this.people.begin(draft) : {}) });
    this.emit('topic.created', { topic: topic.id, info: this.view(topic) });
    return this.view(topic);
  }

  change(topic, { retention, fade_seconds, newcomers_read, ...patch }) {
    Object.assign(topic, patch);
    if (fade_seconds !== undefined) topic.sealing.fade_seconds = fade_seconds;
    if (newcomers_read !== undefined) topic.sealing.newcomers_read = newcomers_read;
    if (retention) this.keep(topic, retention);
    this.emit('topic.updated', { topic: topic.id, info: this.view(topic) });
    return this.view(topic);
  }

  leave(topic) {
    this.topics = this.topics.filter((t) => t !== topic);
    this.emit('topic.removed', { topic: topic.id });
  }

  read(topic, upTo) {
    topic.read_up_to = upTo;
    this.emit('topic.updated', { topic: topic.id, info: this.view(topic) }, false);
  }

  page(topic, { limit = '50', before, after, around }) {
    const n = Number(limit);
    const all = topic.messages;
    let from = Math.max(0, all.length - n);
    let to = all.length;
    const first = (test) => {
      const at = all.findIndex(test);
      return at < 0 ? all.length : at;
    };
    if (before) {
      to = first((m) => !behind(place(before), m));
      from = Math.max(0, to - n);
    }
    if (after) {
      from = first((m) => behind(m, place(after)));
      to = Math.min(all.length, from + n);
    }
    if (around) {
      const at = all.findIndex((m) => m.id === around);
      if (at < 0) return null;
      from = Math.max(0, at - Math.floor(n / 2));
      to = Math.min(all.length, from + n);
    }
    const items = all.slice(from, to);
    return { items, prev: from > 0 && items[0] ? cursor(items[0]) : null, next: to < all.length && items[0] ? cursor(items.at(-1)) : null };
  }

  // fill has a topic of five thousand posts arrive from others, the newest first
  // and in bulk: no event names a message. Some come late, into what is there.
  fill({ ms = 12_000, total = 5000 } = {}) {
    const topic = this.topic('A long history', 'open', { followers: 3, joined: Date.now() });
    const late = [];
    for (let i = 0; i < total; i++) {
      const length = 4 + ((i * 7919) % 45);
      this.add(topic, people[(i * 31 + (i >> 2)) % people.length], `${i + 1}. ` + Array.from({ length }, (_, j) => words[(i * 13 + j) % words.length]).join(' '), this.now - (total - i) * 3 * minute);
    }
    const rest = topic.messages.splice(0, total - 60);
    const step = 100;
    const each = Math.ceil((rest.length * step) / ms);
    topic.completeness = { state: 'missing', missing: rest.length, asking: 2, progress: { done: 60, total: total + 2 }, summary: english };
    const show = () => this.emit('topic.updated', { topic: topic.id, info: this.view(topic) }, false);
    let turn = 0;
    const timer = setInterval(() => {
      const batch = rest.splice(-each).filter((m, i) => i % 7 !== 3 || !late.push({ m, turn: turn + 8 + (i % 5) }));
      topic.messages.unshift(...batch); // older than all that is there
      for (const l of late.filter((l) => l.turn <= turn || rest.length === 0)) {
        this.insert(topic, l.m);
        late.splice(late.indexOf(l), 1);
      }
      const missing = rest.length + late.length;
      topic.completeness = {
        state: 'missing', missing, asking: 2, summary: english, progress: { done: total - missing, total: total + 2 },
        ...(missing === 0 ? { state: 'complete', asking: 0, progress: undefined, checkpoint: { number: 12, by: person('Marta'), time: new Date().toISOString(), posts: total, met: true } } : {}),
      };
      if (turn++ % 3 === 0 || missing === 0) show();
      if (missing === 0) clearInterval(timer);
    }, step);
    this.emit('topic.created', { topic: topic.id, info: this.view(topic) });
    return { topic: topic.id };
  }

  // bulk has posts arrive at the end of a topic without an event for each.
  bulk({ topic: id, n = 100 }) {
    const topic = this.topics.find((t) => t.id === id);
    const from = topic.messages.length;
    for (let i = 1; i <= n; i++) this.add(topic, people[i % people.length], `${from + i}. What was written while you were away`, Date.now());
    this.emit('topic.updated', { topic: id, info: this.view(topic) }, false);
  }

  // ask plays that others are asked for what is missing, and have it.
  ask(topic) {
    const c = topic.completeness;
    const show = () => this.emit('topic.updated', { topic: topic.id, info: this.view(topic) }, false);
    if (topic.followers === 0) return;
    topic.completeness = { ...c, asking: topic.followers };
    show();
    setTimeout(() => {
      topic.completeness = { ...c, asking: 0, missing: Math.max(0, c.missing - 9), holes: c.holes?.slice(1) };
      show();
    }, 1200);
  }

  keep(topic, retention) {
    topic.retention = retention;
    const bound = retention.keep === 'last' ? topic.messages.at(-retention.n)?.time_ms : retention.keep === 'days' ? Date.now() - retention.n * day : 0;
    for (const m of topic.messages) if (m.time_ms < bound && !m.author.me) Object.assign(m, { bodiless: true, text: '', entities: [] });
  }

  // save and load are bundles of this world: the magic, then JSON. A JSON with a
  // "report" is reported as it says.
  save({ topics = [] }) {
    const which = this.topics.filter((t) => topics.length === 0 || topics.includes(t.id));
    return magic + JSON.stringify({ records: which.flatMap((t) => t.messages.map((m) => m.id)) });
  }

  load(bytes) {
    const text = bytes.toString();
    if (!text.startsWith(magic)) return null;
    const body = JSON.parse(text.slice(magic.length));
    const report = { records: 0, new: 0, known: 0, refused: 0, strange: 0, damaged: 0, complete: true, topics: [], offered: [], summary: english };
    if (!body.report) return { ...report, records: body.records.length, known: body.records.length };
    Object.assign(report, body.report);
    for (const offer of report.offered) {
      const topic = this.topics.find((t) => t.id === offer.topic);
      if (!topic) continue;
      if (topic.messages.length === 0) for (let i = 0; i < offer.records; i++) this.add(topic, 'Rosa', `From the stick, number ${i + 1}`, this.now - (offer.records - i) * hour);
      report.new += offer.records;
      report.strange -= offer.records;
      report.topics = [...report.topics, topic.id];
      this.emit('topic.updated', { topic: topic.id, info: this.view(topic) }, false);
    }
    report.offered = report.offered.filter((o) => !this.topics.some((t) => t.id === o.topic));
    return report;
  }

  look(folder) {
    const gone = !/^(\/media|\/home|[A-Z]:\\)/.test(folder.path);
    const report = { folder, wrote: gone ? 0 : 34, new: gone ? 0 : 2, last_look: new Date().toISOString(), ...(gone ? { problem: 'There is no such folder. Check how it is written, or make it first.' } : {}) };
    this.folders = this.folders.filter((f) => f.folder.path !== folder.path);
    if (folder.watch && !gone) this.folders.push(report);
    return report;
  }

  post(topic, { text, reply_to }) {
    const message = this.add(topic, 'me', text, Date.now(), { state: 'queued', ...(reply_to ? { reply_to } : {}) });
    this.emit('message.created', { topic: topic.id, message });
    if (topic.followers > 0) {
      setTimeout(() => {
        message.state = 'handed';
        this.emit('message.updated', { topic: topic.id, message });
      }, 400);
      setTimeout(() => {
        message.state = topic.kind === 'direct' ? 'acknowledged' : 'stored';
        message.stored_by = topic.followers;
        this.emit('message.updated', { topic: topic.id, message });
      }, 900);
    }
    return { ...message };
  }

  say(topicId, text, author = 'Marta') {
    const topic = this.topics.find((t) => t.id === topicId) ?? this.topics[1];
    const message = this.add(topic, author, text, Date.now());
    this.emit('message.created', { topic: topic.id, message });
    return message;
  }

  link(link = '') {
    const found = this.people.link(link);
    if (found) return found;
    const known = this.topics.find((t) => t.link === link);
    const base = { topic: known?.id ?? id(77), kind: 'open', name: 'Allotment gardeners', description: 'Seeds to swap, tools to share, and the rota for watering.', peers: 2, joined: Boolean(known) };
    if (known) return { ...base, kind: known.kind, name: known.name, description: known.description, verified: true };
    if (link.startsWith('linnet:offered:')) return { ...base, topic: link.slice(15), name: 'Night school', description: '', verified: false };
    if (link.includes('claimed')) return { ...base, verified: false };
    if (link.startsWith('linnet:') || link.includes('linnet.example')) return { ...base, verified: true };
    return null;
  }

  join(found) {
    if (found.kind === 'contact') return this.view(this.topics.find((t) => t.id === this.people.addByLink(found.contact, found.name, '').topic));
    const known = this.topics.find((t) => t.id === found.topic);
    if (known) return this.view(known);
    const topic = this.topic(found.name, found.kind, { description: found.description, role: 'writer', joined: Date.now(), followers: 1, read_up_to: '', ...(found.kind === 'private' ? this.people.join(found) : {}) });
    topic.id = found.topic;
    this.emit('topic.created', { topic: topic.id, info: this.view(topic) });
    return this.view(topic);
  }

  search(q, topic) {
    const needle = q.toLowerCase();
    const hits = this.topics
      .filter((t) => !topic || t.id === topic)
      .flatMap((t) => t.messages)
      .filter((m) => m.text.toLowerCase().includes(needle))
      .sort((a, b) => b.time_ms - a.time_ms);
    return { items: hits.slice(0, 100), whole: hits.length <= 100 };
  }
}
