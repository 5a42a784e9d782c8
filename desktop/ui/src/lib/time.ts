// Times as people read them, and the grouping of messages by them.
import { locale } from './i18n';
import { t } from './i18n';

const clock = new Intl.DateTimeFormat(locale, { hour: hourCycle() === 'h12' ? 'numeric' : '2-digit', minute: '2-digit', hourCycle: hourCycle() });
const dayThisYear = new Intl.DateTimeFormat(locale, { weekday: 'long', day: 'numeric', month: 'long' });
const dayOtherYear = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'long', year: 'numeric' });
const weekday = new Intl.DateTimeFormat(locale, { weekday: 'short' });
const shortThisYear = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short' });
const shortOtherYear = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', year: '2-digit' });
const dateThisYear = new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'long' });
const full = new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'medium', hourCycle: hourCycle() });

// The clock of the person's own system, whatever language the page speaks.
function hourCycle(): 'h12' | 'h23' {
  const own = new Intl.DateTimeFormat(undefined, { hour: 'numeric' }).resolvedOptions().hourCycle;
  return own === 'h12' || own === 'h11' ? 'h12' : 'h23';
}

export function clockTime(ms: number): string {
  return clock.format(ms);
}

export function fullTime(ms: number): string {
  return full.format(ms);
}

// dayKey is the same for two moments of one day here.
export function dayKey(ms: number): string {
  const d = new Date(ms);
  return `${d.getFullYear()}-${d.getMonth() + 1}-${d.getDate()}`;
}

export function dayName(ms: number, now: number): string {
  if (dayKey(ms) === dayKey(now)) return t('day.today');
  if (dayKey(ms) === dayKey(yesterday(now))) return t('day.yesterday');
  return sameYear(ms, now) ? dayThisYear.format(ms) : dayOtherYear.format(ms);
}

// dateName is a day inside a sentence.
export function dateName(ms: number, now: number): string {
  return (sameYear(ms, now) ? dateThisYear : dayOtherYear).format(ms);
}

// fileDate is a day in the name of a file, so that names sort by it.
export function fileDate(ms: number): string {
  const d = new Date(ms);
  return [d.getFullYear(), d.getMonth() + 1, d.getDate()].map((n) => String(n).padStart(2, '0')).join('-');
}

// listTime is the short time beside a topic: the clock today, the weekday this week, the date before.
export function listTime(ms: number, now: number): string {
  if (dayKey(ms) === dayKey(now)) return clockTime(ms);
  if (dayKey(ms) === dayKey(yesterday(now))) return t('day.yesterday');
  if (ms < now && now - ms < 6 * 86_400_000) return weekday.format(ms);
  return sameYear(ms, now) ? shortThisYear.format(ms) : shortOtherYear.format(ms);
}

// sentenceTime is listTime inside a sentence.
export function sentenceTime(ms: number, now: number): string {
  return dayKey(ms) === dayKey(yesterday(now)) ? t('day.yesterday.inside') : listTime(ms, now);
}

function yesterday(now: number): number {
  const d = new Date(now);
  d.setDate(d.getDate() - 1);
  return d.getTime();
}

function sameYear(a: number, b: number): boolean {
  return new Date(a).getFullYear() === new Date(b).getFullYear();
}
