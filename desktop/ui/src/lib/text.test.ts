import { describe, expect, it } from 'vitest';
import { byteLength, displayName, excerpt, hue, hues, initials, isEmoji, parts, preview, segments } from './text';

describe('displayName', () => {
  it('takes out what turns a line around or breaks it', () => {
    expect(displayName('ann\u202Egpj.exe', '?')).toBe('ann gpj.exe');
    expect(displayName('a\u0000b\nc\u2066d', '?')).toBe('a b c d');
    expect(displayName(' \u200f ', 'Somebody')).toBe('Somebody');
    expect(displayName('x'.repeat(500), '?').length).toBe(80);
  });
});

describe('segments', () => {
  const link = (offset: number, length: number, url: string) => ({ type: 'link', offset, length, url });

  it('cuts at links, counting UTF-16 units', () => {
    expect(segments('🐦 see example.org now', [link(7, 11, 'https://example.org')])).toEqual([
      { text: '🐦 see ' },
      { text: 'example.org', url: 'https://example.org/', host: 'example.org', plain: true },
      { text: ' now' },
    ]);
  });

  it('leaves every other scheme as plain text', () => {
    for (const url of ['javascript:alert(1)', 'data:text/html,x', 'file:///etc/passwd', 'vbscript:x', 'blob:x', '//x', '', ' javascript:alert(1)']) {
      expect(segments('click', [link(0, 5, url)])).toEqual([{ text: 'click' }]);
    }
  });

  it('ignores spans that do not fit', () => {
    const url = 'https://a.example';
    expect(segments('abc', [link(-1, 2, url), link(2, 5, url), link(1, 0, url), link(0.5, 1, url)])).toEqual([{ text: 'abc' }]);
    expect(segments('abcd', [link(0, 3, url), link(1, 2, url)]).map((s) => s.text)).toEqual(['abc', 'd']);
    expect(segments('abc', null)).toEqual([{ text: 'abc' }]);
  });

  it('sees a text that names another host', () => {
    const of = (text: string, url: string) => segments(text, [link(0, text.length, url)])[0]?.plain;
    expect(of('https://bank.example', 'https://evil.example')).toBe(false);
    expect(of('bank.example@evil.example', 'https://bank.example@evil.example')).toBe(false);
    expect(of('http://EXAMPLE.org/x', 'http://example.org/x')).toBe(true);
  });
});

describe('small things', () => {
  it('initials', () => {
    expect(initials('anna maria lund')).toBe('AM');
    expect(initials('<img src=x>')).toBe('IS');
    expect(initials('')).toBe('?');
    expect(initials('🐦')).toBe('🐦');
    expect(initials('أخبار المدينة')).toBe('أا');
  });

  it('hue is stable and in range', () => {
    expect(hue('abc')).toBe(hue('abc'));
    for (let i = 0; i < 100; i++) expect(hue('id' + i)).toBeLessThan(hues);
  });

  it('preview, excerpt, emoji, bytes', () => {
    expect(preview('a\n\nb\tc')).toBe('a b c');
    expect(preview('x'.repeat(900), 10)).toBe('xxxxxxxxx…');
    expect(excerpt('y '.repeat(200) + 'needle here', 'needle')).toContain('needle here');
    expect(isEmoji('🐦')).toBe(true);
    expect(isEmoji('👩‍👩‍👧‍👦 🇫🇷')).toBe(true);
    expect(isEmoji('ok 👍')).toBe(false);
    expect(isEmoji('12')).toBe(false);
    expect(byteLength('ё')).toBe(2);
  });

  it('parts', () => {
    expect(parts('Tea and tea(', 'TEA (')).toEqual([
      { text: 'Tea', hit: true },
      { text: ' and ', hit: false },
      { text: 'tea', hit: true },
      { text: '(', hit: true },
    ]);
  });
});
