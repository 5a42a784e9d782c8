import { describe, expect, it } from 'vitest';
import { persons } from './members';
import type { Member } from './types';

const device = (id: string, name: string, role: string, account = '', me = false): Member => ({ author: { id, name, me, ...(account ? { account } : {}) }, role });

describe('persons', () => {
  it('puts devices of one account together, and oneself first', () => {
    const got = persons([device('1', 'Boris', 'writer', 'b'), device('2', 'Anna', 'admin', 'a'), device('3', '', 'admin', 'b'), device('4', 'Ida', 'writer', 'i'), device('5', 'Ida', 'owner', 'i', true)], 'i');
    expect(got.map((p) => [p.name, p.role, p.me, p.devices.map((d) => d.author.id).join('')])).toEqual([
      ['Ida', 'owner', true, '54'],
      ['Anna', 'admin', false, '2'],
      ['Boris', 'admin', false, '13'],
    ]);
  });

  it('keeps those apart who have proved nothing, whatever they call themselves', () => {
    const got = persons([device('1', 'Ida', 'writer'), device('2', 'Ida', 'writer'), device('3', 'Ida', 'owner', 'i', true)], 'i');
    expect(got.map((p) => [p.key, p.me])).toEqual([
      ['me', true],
      ['1', false],
      ['2', false],
    ]);
  });

  it('takes nobody for oneself while one\u2019s own account is not known', () => {
    expect(persons([device('1', 'Ida', 'writer')], '').map((p) => p.me)).toEqual([false]);
  });
});
