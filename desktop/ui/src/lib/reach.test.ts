import { describe, expect, it } from 'vitest';
import { announces, changed, diagnosis, isAddress, kindOfAddress, ladder, mistake, modes, seerName, throughBridge, warning, wayName, wayState, wayWhat } from './reach';
import type { Bridge, Reach, ReachSettings, Way } from './types';

const settings = (more: Partial<ReachSettings> = {}): ReachSettings => ({ mode: 'open', no_mdns: false, no_dht: false, data_saver: false, socks: '', onion: '', look: '', ...more });
const way = (name: string, state: string, more: Partial<Way> = {}): Way => ({ name, state, tried: 0, worked: 0, peers: 0, ...more });
const all = ['lan', 'quic', 'tcp', 'punch', 'relay', 'veil', 'drip', 'pt', 'tor', 'bundle'];

describe('ways', () => {
  it('have a name and a sentence each, and no jargon', () => {
    const names = new Set(all.map(wayName));
    expect(names.size).toBe(all.length);
    for (const name of all) {
      expect(wayName(name)).not.toBe(name);
      expect(wayWhat(name)).toMatch(/\.$/);
    }
    expect(wayName('pigeon')).toBe('pigeon');
    expect(wayWhat('pigeon')).toBe('');
    expect(wayName('constructor')).toBe('constructor'); // not what every object has
  });

  it('that tell nothing stand apart', () => {
    const { told, rest } = ladder([way('lan', 'untried'), way('quic', 'fails'), way('tcp', 'works'), way('tor', 'off'), way('new', 'of a later version')]);
    expect(told.map((w) => w.name)).toEqual(['quic', 'tcp']);
    expect(rest.map((w) => w.name)).toEqual(['lan', 'tor', 'new']);
  });

  it('say since when, where that is known', () => {
    const time = () => 'noon';
    expect(wayState(way('tcp', 'works', { since: '2026-05-03T12:00:00.000Z' }), time)).toBe('Works since noon');
    expect(wayState(way('tcp', 'works'), time)).toBe('Works');
    expect(wayState(way('tcp', 'fails', { since: 'nonsense' }), time)).toBe('Does not work');
    expect(wayState(way('tcp', 'fails', { since: '2026-05-03T12:00:00.000Z' }), time)).toBe('Does not work since noon');
    expect(wayState(way('tcp', 'off'), time)).toBe('Switched off');
    expect(wayState(way('tcp', 'untried'), time)).toBe('Not needed so far');
  });
});

describe('settings', () => {
  it('only what differs is sent', () => {
    expect(changed(settings(), settings())).toBeNull();
    expect(changed(settings({ no_dht: true }), settings({ mode: 'lan' }))).toEqual({ mode: 'lan', no_dht: false });
  });

  it('a change that hurts is said before', () => {
    const bridge = [{ id: 'b' } as Bridge];
    for (const mode of modes) expect(warning(settings({ mode }), settings({ mode }), []), mode).toBe('');
    expect(warning(settings(), settings({ mode: 'lan' }), [])).toContain('cut off');
    expect(warning(settings(), settings({ mode: 'covert' }), [])).toContain('no bridge');
    expect(warning(settings(), settings({ mode: 'covert' }), bridge)).not.toContain('no bridge');
    expect(warning(settings({ mode: 'covert' }), settings(), bridge)).toContain('able to tell');
    expect(warning(settings({ mode: 'tor' }), settings(), [])).toContain('able to tell');
    expect(warning(settings({ mode: 'lan' }), settings(), [])).toBe('');
  });

  it('what cannot work is noticed before it is sent', () => {
    expect(mistake(settings())).toBe('');
    expect(mistake(settings({ mode: 'tor' }))).toBe('torNeeded');
    expect(mistake(settings({ mode: 'tor', socks: '127.0.0.1:9050' }))).toBe('');
    expect(mistake(settings({ socks: '127.0.0.1' }))).toBe('tor');
    expect(mistake(settings({ onion: 'x.onion' }))).toBe('onion');
    for (const good of ['127.0.0.1:9050', 'localhost:1', '[::1]:9050', 'abc.onion:65535']) expect(isAddress(good), good).toBe(true);
    for (const bad of ['', ':9050', '127.0.0.1', '127.0.0.1:0', '127.0.0.1:65536', '::1:9050', 'a b:1', '127.0.0.1:90x']) expect(isAddress(bad), bad).toBe(false);
  });

  it('nobody is announced where the mode forbids it', () => {
    expect(modes.map((m) => announces(m).nearby)).toEqual([true, true, false, false]);
    expect(modes.map((m) => announces(m).meeting)).toEqual([true, false, false, false]);
  });
});

describe('seers', () => {
  it('have a name each', () => {
    const who = ['wire', 'nearby', 'meeting', 'people', 'relays', 'bridges', 'proxy', 'let_in', 'stranger'];
    expect(new Set(who.map(seerName)).size).toBe(who.length);
    for (const w of who) expect(seerName(w)).not.toBe(w);
    expect(seerName('martians')).toBe('martians');
  });
});

describe('addresses', () => {
  it('behind a bridge are told from others, and nothing of them is shown', () => {
    expect(throughBridge('/linnet-way/veil-b84bfb4f717f6fbc')).toBe(true);
    expect(throughBridge('/ip4/192.0.2.1/tcp/443/linnet-bridge/secret')).toBe(true);
    expect(throughBridge('/ip4/192.0.2.1/tcp/4040/p2p/12D3KooW')).toBe(false);
    expect(kindOfAddress('/ip4/192.0.2.1/tcp/443/linnet-bridge/secret')).toBe('bridge');
    expect(kindOfAddress('/ip4/192.0.2.1/udp/4040/quic-v1/p2p/12D3KooW/p2p-circuit')).toBe('ip4/udp/quic-v1/p2p-circuit');
  });
});

describe('diagnosis', () => {
  it('tells how ways stand, and neither names nor addresses', () => {
    const reach = { settings: settings({ socks: '10.0.0.7:9050', onion: 'secret.onion:1' }), ways: [way('quic', 'fails', { tried: 3, why: 'nobody answers' }), way('tor', 'untried')], clock_skew_ms: 2400, public: false, is_bridge: false, fixed: null } as unknown as Reach;
    const text = diagnosis(reach).join('\n');
    expect(text).toContain('way quic fails 0/3 connected=0 (nobody answers)');
    expect(text).toContain('clock skew 2 s');
    expect(text).not.toMatch(/10\.0\.0\.7|secret|way tor/);
  });
});
