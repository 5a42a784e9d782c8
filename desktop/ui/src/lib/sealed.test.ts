import { describe, expect, it } from 'vitest';
import { fadeText, newcomersText } from './fade';
import { closedText, keeps, shutOut, waitsFor, whoReads } from './sealed';
import type { Contact, Sealing, Topic } from './types';

const anna = { name: 'Anna', waiting: false } as Contact;
const topic = (kind: string, more: Partial<Sealing>): Topic =>
  ({ kind, sealing: { member: true, members: 2, invited: 0, joining: false, refused: false, removed: false, stranger: false, fade_seconds: 0, newcomers_read: 0, summary: '', ...more } }) as Topic;

describe('whoReads', () => {
  it('says nothing of a topic that is not sealed, or not here yet', () => {
    expect(whoReads({ kind: 'open' } as Topic)).toBeNull();
    expect(whoReads({ kind: 'private' } as Topic)).toBeNull();
  });

  it('counts devices, not people', () => {
    expect(whoReads(topic('private', { members: 7 }))?.text).toContain('7 devices');
    expect(whoReads(topic('private', { members: 1 }))?.text).toContain('Only you');
    expect(whoReads(topic('direct', { members: 3 }), anna)?.text).toContain('3 devices');
  });

  it('warns of a stranger before anything reassuring', () => {
    const said = whoReads(topic('direct', { members: 3, stranger: true }), anna);
    expect(said?.warn).toBe(true);
    expect(said?.text).toContain('Careful');
  });

  it('tells the ways in which one does not take part apart', () => {
    const out = { member: false };
    const texts = [{ ...out, joining: true }, { ...out, refused: true }, { ...out, removed: true }, out].map((s) => shutOut(topic('private', s))?.text);
    expect(new Set(texts).size).toBe(4);
    expect(shutOut(topic('private', {}))).toBeNull();
    expect(keeps(topic('private', out))).toBe(true);
    expect(keeps(topic('private', { ...out, removed: true }))).toBe(false);
    expect(keeps(topic('private', {}))).toBe(false);
  });
});

describe('waitsFor', () => {
  it('ends when the other takes part, even if the contact does not say so yet', () => {
    const waiting = { ...anna, waiting: true };
    expect(waitsFor(topic('direct', { members: 1 }), waiting)).toBe(true);
    expect(waitsFor(topic('direct', { members: 2 }), waiting)).toBe(false);
    expect(waitsFor(topic('direct', { members: 1 }), anna)).toBe(false);
    expect(waitsFor(topic('direct', { members: 1 }), undefined)).toBe(false);
  });
});

describe('closedText', () => {
  it('has a sentence of its own for each reason, and one for those to come', () => {
    const all = ['pending', 'before', 'erased', 'lost', 'forged', 'faded', 'something new'].map((r) => closedText(r, 2));
    expect(new Set(all).size).toBe(7);
    expect(closedText('before', 1)).toContain('1 message ');
    expect(closedText('pending', 3, true)).toContain('kept');
    expect(closedText('faded', 3, true)).toContain('disappeared');
  });
});

describe('fadeText and newcomersText', () => {
  it('say it in the largest unit that fits', () => {
    expect([0, 90, 60, 3600, 7200, 86_400, 604_800, 2_419_200].map(fadeText)).toEqual(['Never', 'After 90 seconds', 'After 1 minute', 'After 1 hour', 'After 2 hours', 'After 1 day', 'After 1 week', 'After 4 weeks']);
    expect([0, 1, 50].map(newcomersText)).toEqual(['Nothing from before they came', 'The last 1 message', 'The last 50 messages']);
    expect(newcomersText(-1)).toContain('Everything');
  });
});
