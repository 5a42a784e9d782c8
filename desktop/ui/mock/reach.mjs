// A made-up outlook: ways, who can see it, bridges of others and links of this one.
import { day, hour, minute } from './world.mjs';

const texts = {
  wire: 'Your provider, or whoever else watches your line, can tell that Linnet runs here and with which addresses it talks, not what is said.',
  'wire-covert': 'Your provider, or whoever else watches your line, sees encrypted visits to a web site, made to look like those of a browser. Who knows that site as a bridge can tell.',
  nearby: 'Linnet announces itself on the local network, so that people beside you are found without internet. Others there can tell that it runs here, and not your name.',
  'nearby-off': 'Linnet does not announce itself on the local network, and does not look for others there.',
  meeting: 'To find people whose addresses have changed, Linnet leaves notes of where you are with other people\'s Linnet and at public meeting places. Which topics you follow they tell only to somebody who has their links.',
  'meeting-off': 'Meeting places are not used.',
  people: 'People with whom you share a topic see the address of this computer while you are connected.',
  'people-off': 'People with whom you share a topic do not see your address: what you send comes to them from your bridges.',
  relays: 'Where no direct way works, volunteers pass on what is sent. They see your address and with whom it talks, not what is said.',
  bridges: 'Whoever runs a bridge that you use sees your address, and when and how much you send. What is private they cannot read.',
  let_in: 'Everybody who has a link of this bridge knows its address, and that it is a bridge. Whoever else looks there sees a web site.',
};

const way = (name, state, more = {}) => ({ name, state, tried: 0, worked: 0, peers: 0, ...more });

export class Reach {
  constructor(world, crowd) {
    this.world = world;
    const ago = (ms) => new Date(world.now - ms).toISOString();
    this.settings = { mode: 'open', no_mdns: false, no_dht: false, data_saver: false, socks: '', onion: '', look: '' };
    this.fixed = [];
    this.isBridge = false;
    this.reopening = 0; // until when nothing else is answered
    this.summary = world.node.reachability.summary;
    this.ways = crowd
      ? [
          way('lan', 'works', { since: ago(3 * hour), tried: 1, worked: 1, peers: 1 }),
          way('quic', 'fails', { since: ago(2 * hour), tried: 6, why: 'Nobody answers over UDP, while TCP to the same people works: this network seems to block it.' }),
          way('tcp', 'works', { since: ago(2 * hour), tried: 7, worked: 5, peers: 2 }),
          way('punch', 'untried'),
          way('relay', 'works', { since: ago(40 * minute), tried: 1, worked: 1 }),
          way('veil', 'fails', { since: ago(25 * minute), tried: 2, why: 'The line goes dead after 16 kilobytes.' }),
          way('drip', 'works', { since: ago(24 * minute), tried: 1, worked: 1, peers: 1 }),
          way('pt', 'off', { why: 'No such program is set up.' }),
          way('tor', 'untried'),
          way('bundle', 'untried'),
        ]
      : ['lan', 'quic', 'tcp', 'punch', 'relay', 'veil', 'drip', 'pt', 'tor', 'bundle'].map((name) => way(name, 'untried'));
    this.bridges = crowd
      ? [
          { id: '12D3KooWBridge1', name: 'Lena’s bridge', added: ago(3 * day), connected: true, way: 'drip' },
          { id: '12D3KooWBridge2', name: '<b>Free\u202Egnp</b> ' + 'bridge-'.repeat(9), added: ago(20 * day), connected: false },
          { id: '12D3KooWBridge3', name: '', added: ago(40 * day), connected: false, contact: world.people.contacts[0]?.id },
        ]
      : [];
    this.passes = [
      { id: 'p1', name: 'Anna', created: ago(9 * day), used: ago(2 * hour), revoked: false, link: 'linnet:madeupbridge' + 'Anna'.repeat(60) },
      { id: 'p2', name: 'Uncle\u202E <i>Petr</i> ' + 'very-long-'.repeat(7), created: ago(8 * day), revoked: false, link: 'linnet:madeupbridge' + 'Petr'.repeat(60) },
      { id: 'p3', name: 'The choir', created: ago(80 * day), used: ago(33 * day), revoked: true },
    ];
  }

  view() {
    const { mode, no_mdns, no_dht } = this.settings;
    const covert = mode === 'covert';
    const announces = !no_mdns && (mode === 'open' || mode === 'lan');
    const meets = !no_dht && mode === 'open';
    const seen = [
      { who: 'wire', sees: !covert, ...(covert ? { hard: true } : {}), text: texts[covert ? 'wire-covert' : 'wire'] },
      { who: 'nearby', sees: announces, text: texts[announces ? 'nearby' : 'nearby-off'] },
      { who: 'meeting', sees: meets, text: texts[meets ? 'meeting' : 'meeting-off'] },
      { who: 'people', sees: !covert, text: texts[covert ? 'people-off' : 'people'] },
      ...(mode === 'open' ? [{ who: 'relays', sees: true, text: texts.relays }] : []),
      ...(this.bridges.length > 0 ? [{ who: 'bridges', sees: true, text: texts.bridges }] : []),
      ...(this.isBridge ? [{ who: 'let_in', sees: true, text: texts.let_in }] : []),
    ];
    const { state, summary } = this.world.node.reachability;
    return { summary, state, peers: this.world.node.peers, ways: this.ways, public: false, clock_skew_ms: 340, settings: this.settings, fixed: this.fixed, seen_by: seen, is_bridge: this.isBridge };
  }

  // play changes what is made up: {ways, summary, state, isBridge, fixed, bridges}.
  play({ summary, state, ...rest }) {
    Object.assign(this, rest);
    Object.assign(this.world.node.reachability, summary ? { summary } : {}, state ? { state } : {});
    this.told();
  }

  told() {
    this.world.emit('node.updated', { node: this.world.node }, false);
  }

  // link tells what a link leads to, undefined for none of a bridge.
  link(text) {
    const m = /linnet:madeupbridge(\w*)/.exec(text ?? '');
    if (!m) return undefined;
    const id = '12D3KooWLinked' + m[1].slice(0, 8);
    return { topic: '', kind: 'bridge', name: m[1] ? 'The lighthouse' : '', description: '', verified: true, joined: this.bridges.some((b) => b.id === id), peers: 0, invite: false, bridge: id };
  }

  // answer answers what concerns it, undefined for the rest.
  answer(method, path, body, Refusal) {
    const route = `${method} ${path}`;
    if (route === 'GET /reach') return { answer: this.view() };
    if (route === 'PATCH /reach') return { answer: this.change(body, Refusal) };
    if (route === 'GET /bridges') return { answer: { items: this.bridges } };
    if (route === 'POST /bridges') {
      const found = this.link(body.link);
      if (!found) throw new Refusal(422, 'bad_link', 'This bridge link does not work', 'It is incomplete. Ask for it again, and copy all of it.');
      const b = { id: found.bridge, name: found.name, added: new Date().toISOString(), connected: false };
      if (!found.joined) this.bridges = [b, ...this.bridges];
      this.told();
      return { answer: b };
    }
    if (route === 'GET /bridge-passes') return { answer: { is_bridge: this.isBridge, items: this.isBridge ? this.passes : [] } };
    if (route === 'POST /bridge-passes') {
      if (!this.isBridge) throw new Refusal(409, 'no_bridge', 'This node is no bridge', 'Start it as one on a computer that others can reach: linnet mirror --bridge 0.0.0.0:443');
      const p = { id: 'p' + Date.now(), name: body.name, created: new Date().toISOString(), revoked: false, link: 'linnet:madeupbridge' + 'x'.repeat(300) };
      this.passes = [p, ...this.passes];
      return { answer: p };
    }
    const share = /^\/topics\/([^/]+)\/links$/.exec(path);
    if (share) {
      this.passes = [{ id: 'p' + Date.now(), name: body.bridge_pass_name, created: new Date().toISOString(), revoked: false, link: 'linnet:madeupbridge' + 'y'.repeat(300) }, ...this.passes];
      return { answer: { topic: share[1], link: 'linnet:through-the-bridge' + 'z'.repeat(250) } };
    }
    const one = /^\/(bridges|bridge-passes)\/(.+)$/.exec(path);
    if (!one || method !== 'DELETE') return undefined;
    const id = decodeURIComponent(one[2]);
    if (one[1] === 'bridges') this.bridges = this.bridges.filter((b) => b.id !== id);
    else this.passes = this.passes.map((p) => (p.id === id ? { ...p, revoked: true, link: undefined } : p));
    this.told();
    return { answer: undefined };
  }

  async change(patch, Refusal) {
    const wanted = { ...this.settings, ...patch };
    if (wanted.mode === 'tor' && !wanted.socks) throw new Refusal(422, 'invalid', 'These settings do not work', 'Tor only needs the address of Tor’s SOCKS port, such as 127.0.0.1:9050.');
    this.reopening = Date.now() + 700;
    await new Promise((done) => setTimeout(done, 700));
    this.settings = wanted;
    const { reachability } = this.world.node;
    const said = { lan: 'You can reach 1 person on this network. Only this network is used.', covert: 'You are connected through a bridge. Only bridges are used: to whoever watches the line it looks like visits to a web site.', tor: 'You can reach 3 people through Tor. Nothing leaves by another way than Tor.' };
    Object.assign(reachability, { summary: said[wanted.mode] ?? this.summary, lan_only: wanted.mode === 'lan', mode: wanted.mode });
    this.told();
    return this.view();
  }
}
