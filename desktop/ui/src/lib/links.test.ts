import { describe, expect, it } from 'vitest';
import { linkSays, shownAlready, useOf } from './links';
import type { LinkPreview, Sealing, Topic } from './types';

const link = (more: Partial<LinkPreview>): LinkPreview => ({ topic: 't', kind: 'open', name: 'n', description: '', verified: true, joined: false, peers: 1, invite: false, ...more });
const standing = (more: Partial<Sealing>): Topic => ({ can_post: false, sealing: { member: false, joining: false, refused: false, removed: false, ...more } }) as Topic;

describe('useOf', () => {
  it('tells a person, oneself, and somebody who is known', () => {
    expect(useOf(link({ kind: 'contact', contact: 'a' }), undefined, 'me')).toBe('add');
    expect(useOf(link({ kind: 'contact', contact: 'me' }), undefined, 'me')).toBe('own');
    expect(useOf(link({ kind: 'contact', contact: 'a', joined: true }), undefined, 'me')).toBe('show');
  });

  it('tells a bridge, and one that is here already', () => {
    expect(useOf(link({ kind: 'bridge', bridge: 'b' }), undefined, '')).toBe('bridge');
    expect(useOf(link({ kind: 'bridge', bridge: 'b', joined: true }), undefined, '')).toBe('show');
  });

  it('tells an invitation from a link for keeping', () => {
    expect(useOf(link({ kind: 'private', invite: true }), undefined, '')).toBe('join');
    expect(useOf(link({ kind: 'private' }), undefined, '')).toBe('keep');
    expect(useOf(link({}), undefined, '')).toBe('join');
  });

  it('takes an invitation up where one only keeps the topic, was removed or refused', () => {
    const invitation = link({ kind: 'private', invite: true, joined: true });
    for (const topic of [standing({}), standing({ removed: true }), standing({ refused: true }), undefined]) expect(useOf(invitation, topic, '')).toBe('join');
    expect(useOf(invitation, standing({ member: true }), '')).toBe('show');
    expect(useOf(link({ kind: 'broadcast', invite: true, joined: true }), { can_post: false } as Topic, '')).toBe('join');
    expect(useOf(link({ kind: 'broadcast', invite: true, joined: true }), { can_post: true } as Topic, '')).toBe('show');
    expect(useOf(link({ kind: 'private', joined: true }), standing({}), '')).toBe('show');
  });
});

describe('words about links', () => {
  it('never promise more than a link does', () => {
    expect(linkSays(link({ kind: 'private' }))).toContain('lets nobody in');
    expect(linkSays(link({ kind: 'private', invite: true }))).toContain('works once');
    expect(linkSays(link({ kind: 'broadcast' }))).not.toBe(linkSays(link({ kind: 'broadcast', invite: true })));
    expect(linkSays(link({ kind: 'bridge' }))).toContain('sees your address');
    expect(shownAlready(link({ kind: 'bridge', joined: true }), undefined)).toContain('bridge');
    expect(shownAlready(link({ kind: 'private', joined: true }), standing({}))).toContain('keep');
    expect(shownAlready(link({ kind: 'private', joined: true }), standing({ member: true }))).toContain('belong');
  });
});
