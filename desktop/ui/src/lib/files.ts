// Bundles as files: what they are called, how large they are, and what came of them.
import { locale, t } from './i18n';
import { displayName } from './text';
import { fileDate } from './time';
import type { ImportReport } from './types';

export const bundleEnding = '.linnet';
export const noteEnding = '.linnet-note';
export const backupEnding = '.linnet-backup';

// fileName is a name that every system takes, and that says what is inside.
export function fileName(topic: string, now: number, ending: string): string {
  const words = displayName(topic, '')
    .replace(/[^\p{L}\p{M}\p{N}]+/gu, '-')
    .replace(/^-+|-+$/g, '');
  const short = Array.from(words).slice(0, 50).join('').replace(/-+$/, '');
  return [short || 'Linnet', fileDate(now)].join('-') + ending;
}

const steps = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'];

export function sizeText(bytes: number): string {
  let step = 0;
  while (bytes >= 1000 && step < steps.length - 1) {
    bytes /= 1000;
    step++;
  }
  const format = new Intl.NumberFormat(locale, { style: 'unit', unit: steps[step]!, unitDisplay: step === 0 ? 'long' : 'short', maximumFractionDigits: bytes < 10 && step > 1 ? 1 : 0 });
  return format.format(bytes);
}

// download hands a file to the browser's own downloads.
export function download(file: Blob, name: string): void {
  const a = document.createElement('a');
  a.href = URL.createObjectURL(file);
  a.download = name;
  document.body.append(a);
  a.click();
  a.remove();
  setTimeout(() => URL.revokeObjectURL(a.href), 60_000);
}

// base64 is how JSON carries the bytes of a file.
export async function base64(file: Blob): Promise<string> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = '';
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(text);
}

// base64Text is how a header carries any text.
export function base64Text(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

// together is the account of several files, or of one.
export function together(reports: ImportReport[]): ImportReport {
  const sum = (of: (r: ImportReport) => number) => reports.reduce((n, r) => n + of(r), 0);
  const offered = new Map(reports.flatMap((r) => r.offered ?? []).map((o) => [o.topic, o]));
  return {
    records: sum((r) => r.records),
    new: sum((r) => r.new),
    known: sum((r) => r.known),
    refused: sum((r) => r.refused),
    strange: sum((r) => r.strange),
    damaged: sum((r) => r.damaged),
    complete: reports.every((r) => r.complete),
    topics: [...new Set(reports.flatMap((r) => r.topics ?? []))],
    offered: [...offered.values()],
    summary: '',
  };
}

// outcome is what came of a file in one sentence.
export function outcome(report: ImportReport): string {
  if (report.new > 0) return t('report.new', { n: report.new });
  if (report.offered?.length) return t('report.offers', { n: report.offered.length });
  if (report.records === 0) return t('report.empty');
  return t(report.known === report.records ? 'report.known' : 'report.nothing');
}
