// Messages that disappear: after how long, in words.
import { t, type Key } from './i18n';

const units: [number, Key][] = [
  [7 * 86_400, 'private.fade.weeks'],
  [86_400, 'private.fade.days'],
  [3600, 'private.fade.hours'],
  [60, 'private.fade.minutes'],
  [1, 'private.fade.seconds'],
];

// fadeChoices are what people are offered, in seconds; 0 is never.
export const fadeChoices = [0, 3600, 86_400, 7 * 86_400, 28 * 86_400];

export function fadeText(seconds: number): string {
  if (seconds <= 0) return t('private.fade.never');
  const [size, key] = units.find(([size]) => seconds % size === 0)!;
  return t(key, { n: seconds / size });
}

export function newcomersText(n: number): string {
  if (n === 0) return t('private.newcomers.none');
  return n < 0 ? t('private.newcomers.all') : t('private.newcomers.last.n', { n });
}
