import { describe, expect, it } from 'vitest';
import en from '../locales/en.json';
import { translator, type Catalog } from './i18n';

describe('translator', () => {
  const t = translator({ hi: 'Hello {name}', posts: { '=0': 'none', one: '{n} post', other: '{n} posts' } }, 'en');

  it('fills in names and numbers', () => {
    expect(t('hi', { name: '{n}<b>' })).toBe('Hello {n}<b>');
    expect(t('posts', { n: 0 })).toBe('none');
    expect(t('posts', { n: 1 })).toBe('1 post');
    expect(t('posts', { n: 4812 })).toBe('4,812 posts');
  });

  it('chooses the form of the language', () => {
    const ru = translator({ posts: { one: '{n} пост', few: '{n} поста', many: '{n} постов', other: '{n} поста' } }, 'ru');
    expect([1, 3, 5, 21, 111].map((n) => ru('posts', { n }))).toEqual(['1 пост', '3 поста', '5 постов', '21 пост', '111 постов']);
  });

  it('shows the key where a text is missing', () => {
    expect(t('nothing')).toBe('nothing');
  });
});

describe('en.json', () => {
  const catalog = en as Catalog;
  it('has every plural category of English and no empty text', () => {
    for (const [key, entry] of Object.entries(catalog)) {
      if (typeof entry === 'string') expect(entry, key).not.toBe('');
      else expect(Object.keys(entry), key).toEqual(expect.arrayContaining(['one', 'other']));
    }
  });

  it('speaks plainly', () => {
    for (const [key, entry] of Object.entries(catalog)) {
      const text = typeof entry === 'string' ? entry : Object.values(entry).join(' ');
      expect(text, key).not.toMatch(/\b(peers?|nodes?|hash|multiaddr|gossip|relay)\b/i);
    }
  });
});
