// How this computer gets to others, in words, and what a change of settings asks for.
import type { IconName } from '../components/Icon.svelte';
import { t } from './i18n';
import type { Bridge, Reach, ReachSettings, Way } from './types';

export const modes = ['open', 'lan', 'tor', 'covert'] as const;
export type Mode = (typeof modes)[number];

export const looks = ['', 'chrome', 'edge', 'firefox', 'safari', 'ios', 'go'] as const;

const names = { lan: 'way.lan', quic: 'way.quic', tcp: 'way.tcp', punch: 'way.punch', relay: 'way.volunteer', veil: 'way.veil', drip: 'way.drip', pt: 'way.pt', tor: 'way.tor', bundle: 'way.bundle' } as const;
const icons: Record<string, IconName> = { lan: 'home', quic: 'sent', tcp: 'sent', punch: 'sent', relay: 'people', veil: 'globe', drip: 'globe', pt: 'settings', tor: 'shield', bundle: 'file' };

// wayName is what a way is called; of one that a later version has, its bare name.
export function wayName(way: string): string {
  return Object.hasOwn(names, way) ? t(names[way as keyof typeof names]) : way;
}

// wayWhat says in a sentence what a way does.
export function wayWhat(way: string): string {
  return Object.hasOwn(names, way) ? t(`${names[way as keyof typeof names]}.what`) : '';
}

export function wayIcon(way: string): IconName {
  return (Object.hasOwn(icons, way) && icons[way]) || 'sent';
}

// ladder are the ways that say something about this network, and the others.
export function ladder(ways: Way[]): { told: Way[]; rest: Way[] } {
  const tells = (w: Way) => w.state === 'works' || w.state === 'fails';
  return { told: ways.filter(tells), rest: ways.filter((w) => !tells(w)) };
}

// wayState says how a way stands; time turns a moment into words.
export function wayState(way: Way, time: (ms: number) => string): string {
  const since = Date.parse(way.since ?? '');
  switch (way.state) {
    case 'works':
      return since ? t('way.works.since', { time: time(since) }) : t('way.works');
    case 'fails':
      return since ? t('way.fails.since', { time: time(since) }) : t('way.fails');
    case 'off':
      return t('way.off');
  }
  return t('way.untried');
}

const seers = {
  wire: 'seen.wire', nearby: 'seen.nearby', meeting: 'seen.meeting', people: 'seen.people', relays: 'seen.volunteers',
  bridges: 'seen.bridges', proxy: 'seen.proxy', let_in: 'seen.let_in', stranger: 'seen.stranger',
} as const;

export function seerName(who: string): string {
  return Object.hasOwn(seers, who) ? t(seers[who as keyof typeof seers]) : who;
}

// changed is what differs, null where nothing does.
export function changed(before: ReachSettings, after: ReachSettings): Partial<ReachSettings> | null {
  const patch: Partial<ReachSettings> = {};
  for (const key of Object.keys(after) as (keyof ReachSettings)[]) {
    if (after[key] !== before[key]) Object.assign(patch, { [key]: after[key] });
  }
  return Object.keys(patch).length > 0 ? patch : null;
}

// warning says what a change of mode costs, '' for nothing worth a word.
export function warning(before: ReachSettings, after: ReachSettings, bridges: Bridge[]): string {
  if (before.mode === after.mode) return '';
  switch (after.mode) {
    case 'lan':
      return t('mode.warn.lan');
    case 'tor':
      return t('mode.warn.tor');
    case 'covert':
      return t(bridges.length > 0 ? 'mode.warn.covert.some' : 'mode.warn.covert');
  }
  return before.mode === 'lan' ? '' : t('mode.warn.open');
}

// isAddress tells whether a text is a host and a port.
export function isAddress(text: string): boolean {
  const m = /^(\[[0-9a-f:.]+\]|[^\s:[\]]+):(\d{1,5})$/i.exec(text);
  return m !== null && Number(m[2]) > 0 && Number(m[2]) < 65536;
}

// mistake says what does not fit together: of which field, '' for nothing.
export function mistake(s: ReachSettings): '' | 'torNeeded' | 'tor' | 'onion' {
  if (s.mode === 'tor' && !s.socks) return 'torNeeded';
  if (s.socks && !isAddress(s.socks)) return 'tor';
  if (s.onion && !isAddress(s.onion)) return 'onion';
  return '';
}

// announces tells whether a mode lets this computer announce itself beside, and meet others in public.
export function announces(mode: string): { nearby: boolean; meeting: boolean } {
  return { nearby: mode === 'open' || mode === 'lan', meeting: mode === 'open' };
}

// throughBridge tells whether an address is one behind a bridge, of which nothing is shown.
export function throughBridge(address: string): boolean {
  return /^\/linnet-way\/(veil|drip|pt)-/.test(address) || address.includes('/linnet-bridge');
}

// kindOfAddress is an address without what says where and who.
export function kindOfAddress(address: string): string {
  if (throughBridge(address)) return 'bridge';
  return address
    .split('/')
    .filter((part) => /^(ip4|ip6|dns|dns4|dns6|tcp|udp|quic|quic-v1|ws|wss|tls|webtransport|webrtc-direct|onion3|p2p-circuit)$/.test(part))
    .join('/');
}

// diagnosis are lines about ways for whoever is asked for help: no name, no address.
export function diagnosis(r: Reach): string[] {
  const skew = r.clock_skew_ms === undefined ? 'unknown' : `${Math.round(r.clock_skew_ms / 1000)} s`;
  const s = r.settings;
  return [
    `settings mode=${s.mode} no_mdns=${s.no_mdns} no_dht=${s.no_dht} data_saver=${s.data_saver} socks=${s.socks ? 'set' : 'none'} onion=${s.onion ? 'set' : 'none'} look=${s.look || 'chosen'} given=${(r.fixed ?? []).join(',') || 'none'}`,
    `public=${r.public} bridge=${r.is_bridge} clock skew ${skew}`,
    ...(r.ways ?? []).filter((w) => w.state !== 'untried').map((w) => `way ${w.name} ${w.state} ${w.worked}/${w.tried} connected=${w.peers}${w.since ? ` since ${w.since}` : ''}${w.why ? ` (${w.why})` : ''}`),
  ];
}
