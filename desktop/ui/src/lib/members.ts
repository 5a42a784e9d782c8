// Members of a topic are devices; what people want to see is people.
import type { Member } from './types';

export interface Person {
  key: string; // the account where it is proved, else the writer
  name: string;
  account: string; // empty where it is not proved
  me: boolean;
  role: string; // the highest of its devices'
  devices: Member[]; // this one first
}

const ranks = ['reader', 'writer', 'admin', 'owner'];

export function rank(role: string): number {
  return ranks.indexOf(role);
}

// persons puts devices of one account together: oneself first, then by role and name.
export function persons(members: Member[], myAccount: string): Person[] {
  const found = new Map<string, Person>();
  for (const member of members) {
    const { account = '', me, id, name } = member.author;
    const mine = me || (account !== '' && account === myAccount);
    const key = mine ? 'me' : account || id;
    const person = found.get(key);
    if (!person) {
      found.set(key, { key, name, account, me: mine, role: member.role, devices: [member] });
      continue;
    }
    person.name ||= name;
    person.account ||= account;
    if (rank(member.role) > rank(person.role)) person.role = member.role;
    if (me) person.devices.unshift(member);
    else person.devices.push(member);
  }
  return [...found.values()].sort((a, b) => Number(b.me) - Number(a.me) || rank(b.role) - rank(a.role) || a.name.localeCompare(b.name));
}
