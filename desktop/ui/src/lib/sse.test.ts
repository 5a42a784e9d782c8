import { describe, expect, it } from 'vitest';
import { EventParser } from './sse';
import type { StreamEvent } from './types';

function parse(...chunks: string[]): StreamEvent[] {
  const out: StreamEvent[] = [];
  const parser = new EventParser((e) => out.push(e));
  for (const c of chunks) parser.push(c);
  return out;
}

const one = { type: 'message.created', id: '7', data: '{"a":1}' };

describe('EventParser', () => {
  it('reads an event', () => {
    expect(parse('id: 7\nevent: message.created\ndata: {"a":1}\n\n')).toEqual([one]);
  });

  it('does not care where the chunks are cut', () => {
    const text = ':hello\n\nid: 7\r\nevent: message.created\r\ndata: {"a":1}\r\n\r\nid:8\ndata:x\n\n';
    const want = [one, { type: 'message', id: '8', data: 'x' }];
    for (let cut = 0; cut <= text.length; cut++) expect(parse(text.slice(0, cut), text.slice(cut))).toEqual(want);
    expect(parse(...text)).toEqual(want);
  });

  it('joins lines of data and takes one space off', () => {
    expect(parse('data: a\ndata:  b\ndata\n\n')[0]?.data).toBe('a\n b\n');
  });

  it('leaves comments, empty events and half events out', () => {
    expect(parse(': keep\n\nevent: x\n\ndata: half\n')).toEqual([]);
  });

  it('gives an id only to the event that carries it', () => {
    expect(parse('id: 1\ndata: a\n\ndata: b\n\n').map((e) => e.id)).toEqual(['1', '']);
  });
});
