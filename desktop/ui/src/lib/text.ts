// What others wrote, made fit to be shown: names, initials, colours, links.
// Everything here ends as a text node; nothing becomes HTML.
import type { Entity } from './types';

// Control characters and the marks that turn the direction of a text around.
const unsafe = /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u206f\ufeff]/g;

// displayName is a name as it may stand in a line of ours.
export function displayName(name: string, fallback: string): string {
  const clean = name.replace(unsafe, ' ').replace(/\s+/g, ' ').trim();
  if (clean === '') return fallback;
  const chars = Array.from(clean);
  return chars.length > 80 ? chars.slice(0, 79).join('') + '…' : clean;
}

// isolate keeps the direction of a name from spilling into the sentence around it.
export function isolate(name: string): string {
  return '\u2068' + name + '\u2069';
}

// preview is the beginning of a text on one line.
export function preview(text: string, max = 140): string {
  const line = text.slice(0, max * 4).replace(unsafe, ' ').replace(/\s+/g, ' ').trim();
  const chars = Array.from(line);
  return chars.length > max ? chars.slice(0, max - 1).join('') + '…' : line;
}

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });

// initials are the first letters of up to two words, or the first sign.
export function initials(name: string): string {
  const words = displayName(name, '').split(' ').filter((w) => /[\p{L}\p{N}]/u.test(w));
  const letters = words.map((w) => w.match(/[\p{L}\p{N}]/u)?.[0] ?? '');
  if (letters.length > 0) return letters.slice(0, 2).join('').toLocaleUpperCase('en');
  const first = segmenter.segment(displayName(name, '?'))[Symbol.iterator]().next().value;
  return first?.segment ?? '?';
}

export const hues = 8;

// hue gives an id one of the page's colours, the same on every computer.
export function hue(id: string): number {
  let h = 2166136261;
  for (let i = 0; i < id.length; i++) h = Math.imul(h ^ id.charCodeAt(i), 16777619);
  return (h >>> 0) % hues;
}

export interface Segment {
  text: string;
  url?: string; // where a link leads, checked
  host?: string; // the real host, for people to see
  plain?: boolean; // the text of the link itself names that host
}

// segments cuts a text at its links. What does not fit the text, overlaps or
// leads anywhere but to http, https or mailto stays plain text.
export function segments(text: string, entities: Entity[] | null): Segment[] {
  const out: Segment[] = [];
  let at = 0;
  for (const e of [...(entities ?? [])].sort((a, b) => a.offset - b.offset)) {
    const end = e.offset + e.length;
    if (e.type !== 'link' || !Number.isInteger(e.offset) || !Number.isInteger(e.length)) continue;
    if (e.length <= 0 || e.offset < at || end > text.length) continue;
    const link = safeLink(e.url ?? '');
    if (!link) continue;
    if (e.offset > at) out.push({ text: text.slice(at, e.offset) });
    const shown = text.slice(e.offset, end).replace(unsafe, '');
    out.push({ text: shown, url: link.url, host: link.host, plain: namesHost(shown, link.host) });
    at = end;
  }
  if (at < text.length) out.push({ text: text.slice(at) });
  return out;
}

export function safeLink(raw: string): { url: string; host: string } | null {
  let url: URL;
  try {
    url = new URL(raw);
  } catch {
    return null;
  }
  if (url.protocol === 'mailto:') return { url: url.href, host: decodeSafely(url.pathname) };
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return null;
  return { url: url.href, host: url.host };
}

function decodeSafely(text: string): string {
  try {
    return displayName(decodeURIComponent(text), text);
  } catch {
    return text;
  }
}

function namesHost(text: string, host: string): boolean {
  const said = text.toLowerCase().replace(/^(https?:\/\/|mailto:)/, '');
  const real = host.toLowerCase();
  if (!said.startsWith(real) && !said.startsWith(real.replace(/^www\./, ''))) return false;
  return !/^[^/?#]*@/.test(said) || real.includes('@');
}

// isEmoji tells one to three emoji with nothing else, which are shown large.
export function isEmoji(text: string): boolean {
  if (text.length > 40) return false;
  const signs = Array.from(segmenter.segment(text.trim()), (s) => s.segment).filter((s) => s.trim() !== '');
  return signs.length > 0 && signs.length <= 3 && signs.every((s) => /^(?:\p{Extended_Pictographic}|\p{Regional_Indicator}{2})/u.test(s));
}

// isLong tells a text that is folded until somebody asks for all of it.
export function isLong(text: string): boolean {
  return text.length > 2400 || text.split('\n', 40).length > 30;
}

// parts cuts a text at the places where it says one of the words that were searched for.
export function parts(text: string, query: string): { text: string; hit: boolean }[] {
  const words = query.trim().split(/\s+/).filter(Boolean).map((w) => w.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  if (words.length === 0) return [{ text, hit: false }];
  return text
    .split(new RegExp(`(${words.join('|')})`, 'giu'))
    .map((part, i) => ({ text: part, hit: i % 2 === 1 }))
    .filter((p) => p.text !== '');
}

// excerpt is the neighbourhood of the first place where a text says a word.
export function excerpt(text: string, query: string, max = 180): string {
  const word = query.trim().split(/\s+/)[0] ?? '';
  const at = word ? text.toLowerCase().indexOf(word.toLowerCase()) : -1;
  return at > 60 ? '…' + preview(text.slice(at - 40), max) : preview(text, max);
}

const encoder = new TextEncoder();

export function byteLength(text: string): number {
  return encoder.encode(text).length;
}
