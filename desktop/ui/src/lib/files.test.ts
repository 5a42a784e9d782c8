import { describe, expect, it } from 'vitest';
import { base64, fileName, outcome, sizeText, together } from './files';
import type { ImportReport } from './types';

const day = new Date(2026, 4, 3, 12).getTime();

describe('files', () => {
  it('are named after the topic and the day', () => {
    expect(fileName('Harbour News', day, '.linnet')).toBe('Harbour-News-2026-05-03.linnet');
    expect(fileName('../../etc/passwd\u202E\u0000', day, '.linnet')).toBe('etc-passwd-2026-05-03.linnet');
    expect(fileName('CON', day, '.linnet')).toBe('CON-2026-05-03.linnet');
    expect(fileName('أخبار السوق', day, '.linnet')).toBe('أخبار-السوق-2026-05-03.linnet');
    expect(fileName(' .. ', day, '.linnet-note')).toBe('Linnet-2026-05-03.linnet-note');
    expect(fileName('x'.repeat(300), day, '.linnet').length).toBeLessThan(80);
  });

  it('have a size that people read', () => {
    expect([0, 1, 999, 1000, 48_300_000, 2_100_000_000].map(sizeText)).toEqual(['0 bytes', '1 byte', '999 bytes', '1 kB', '48 MB', '2.1 GB']);
  });

  it('become base64', async () => {
    const bytes = new Uint8Array(100_000).map((_, i) => i * 7);
    expect(await base64(new Blob([bytes]))).toBe(btoa(Array.from(bytes, (b) => String.fromCharCode(b)).join('')));
  });

  it('are accounted for together', () => {
    const report = (n: number, complete = true): ImportReport => ({
      records: n + 3, new: n, known: 1, refused: 1, strange: 1, damaged: 0, complete, topics: ['a', 'b' + n], offered: [{ topic: 'x', name: 'X', link: 'l', records: n }], summary: '',
    });
    const got = together([report(2), report(5, false)]);
    expect(got).toMatchObject({ records: 13, new: 7, known: 2, complete: false, topics: ['a', 'b2', 'b5'] });
    expect(got.offered).toEqual([{ topic: 'x', name: 'X', link: 'l', records: 5 }]);
    const said = (r: Partial<ImportReport>) => outcome({ ...report(0), offered: [], ...r });
    expect(said({ new: 1 })).toBe('1 new record is here now');
    expect(said({ offered: got.offered })).toBe('A topic that you can follow is in this file');
    expect(said({ records: 1, known: 1 })).toBe('Everything in this file was here already');
    expect(said({})).toBe('Nothing new for your topics was in this file');
    expect(said({ records: 0 })).toBe('Nothing could be read in this file');
  });
});
