// How much of a topic is here, in words for a person, made from what the node
// counts. Where it says something that this page does not know, there are none.
import { t } from './i18n';
import { displayName, isolate } from './text';
import { dateName } from './time';
import { maxHoles, type Author, type Completeness, type Fork, type Hole, type Progress } from './types';

export interface Word {
  icon: 'check' | 'gap' | 'fork' | 'clock' | 'info' | 'down';
  tone: 'good' | 'calm' | 'warn';
  text: string;
}

// word is the shortest way to say it.
export function word(c: Completeness): Word | null {
  if (c.state === 'forked') return { icon: 'fork', tone: 'warn', text: t('whole.forked') };
  if (c.progress) return { icon: 'down', tone: 'calm', text: t('whole.arriving') };
  switch (c.state) {
    case 'complete':
      return { icon: 'check', tone: 'good', text: t('whole.complete') };
    case 'missing':
      return { icon: 'gap', tone: 'warn', text: t(c.asking ? 'whole.missing.asking' : 'whole.missing', { n: c.missing }) };
    case 'waiting':
      return { icon: 'clock', tone: 'warn', text: t('whole.waiting') };
    case 'unknown':
      return c.posts > 0 ? { icon: 'info', tone: 'calm', text: t('whole.unknown') } : null;
  }
  return null;
}

// vouched says who stands for how much there is, and whether that is here.
export function vouched(c: Completeness, now: number): string {
  const check = c.checkpoint;
  if (!check) return c.state === 'unknown' ? t('whole.noVoucher') : '';
  const by = check.by.me ? 'own' : 'other';
  const said = { name: nameOf(check.by), date: dateName(Date.parse(check.time), now), number: check.number, n: check.posts };
  if (!check.met) return t(`whole.notMet.${by}`, said);
  const later = c.posts > check.posts ? ' ' + t('whole.later', { n: c.posts - check.posts }) : '';
  return t(`whole.met.${by}`, said) + later;
}

// asking says what is being done about what is missing.
export function asking(c: Completeness, followers: number): string {
  if (c.asking) return t('whole.asking', { n: c.asking });
  if (c.state !== 'missing' && c.state !== 'waiting') return '';
  return t(followers > 0 ? 'whole.notThere' : 'whole.nobody');
}

// holeLines lists what is missing, by writer, the newest first.
export function holeLines(c: Completeness): string[] {
  const holes = c.holes ?? [];
  const lines = holes.map(holeLine);
  if (holes.length >= maxHoles) lines.push(t('whole.holes.more'));
  return lines;
}

function holeLine({ author, from, to }: Hole): string {
  const name = author.me ? t('whole.you') : nameOf(author);
  if (to === 0) return t('whole.hole.open', { name, from });
  return to > from ? t('whole.hole.range', { name, from, to }) : t('whole.hole.one', { name, from });
}

// forkLines tell what happened, what it means and what was done about it.
export function forkLines({ author, seq, time }: Fork, now: number): string[] {
  const said = { name: nameOf(author), number: seq, date: dateName(Date.parse(time), now) };
  return author.me ? [t('whole.fork.own', said), t('whole.fork.own.did', said)] : [t('whole.fork', said), t('whole.fork.did', said)];
}

export function progressText({ done, total }: Progress, short = false): string {
  if (short && total > 0) return t('whole.progress.short', { done: Math.min(done, total), n: total });
  return total > 0 ? t('whole.progress', { done: Math.min(done, total), n: total }) : t('whole.progress.open', { n: done });
}

// mayAsk tells where asking others again could help.
export function mayAsk(c: Completeness): boolean {
  return c.missing > 0 || c.state === 'missing' || c.state === 'waiting' || c.state === 'unknown';
}

function nameOf(author: Author): string {
  return isolate(displayName(author.name, t('person.unnamed')));
}
