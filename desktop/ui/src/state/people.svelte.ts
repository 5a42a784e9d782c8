// Who is known: oneself, contacts, and those who ask. The stream names no
// contact; that something about them changed comes as node.updated.
import { api } from '../lib/api';
import { displayName } from '../lib/text';
import type { Contact, Hints, Me, Topic } from '../lib/types';
import { guard } from './guard.svelte';

interface People {
  me: Me | null;
  all: Contact[];
  hints: Hints; // what others may see of oneself
}

export const people = $state<People>({ me: null, all: [], hints: { receipts: false, typing: false, presence: false } });

const pause = 300; // milliseconds in which changes are gathered
let timer: ReturnType<typeof setTimeout> | undefined;

export async function loadPeople(): Promise<void> {
  const [me, list, hints] = await Promise.all([api.me(), api.contacts(), api.hints()]);
  people.me = me;
  people.hints = hints;
  people.all = list.items ?? [];
}

// refreshPeople asks anew, soon and once.
export function refreshPeople(): void {
  timer ??= setTimeout(() => {
    timer = undefined;
    if (guard.held) return;
    void loadPeople().catch(() => {}); // the banner says that nobody answers
  }, pause);
}

export function setContact(contact: Contact): void {
  const at = people.all.findIndex((c) => c.id === contact.id);
  if (at < 0) people.all.push(contact);
  else people.all[at] = contact;
}

export function dropContact(id: string): void {
  people.all = people.all.filter((c) => c.id !== id);
}

export function contact(id: string | undefined): Contact | undefined {
  return id ? people.all.find((c) => c.id === id) : undefined;
}

export function contactOf(topic: Topic): Contact | undefined {
  return contact(topic.contact);
}

export function requests(): Contact[] {
  return people.all.filter((c) => c.request);
}

// known are contacts, those who are blocked behind the others.
export function known(): Contact[] {
  const named = (c: Contact) => displayName(c.name, '').toLocaleLowerCase('en');
  return people.all.filter((c) => !c.request).sort((a, b) => Number(a.blocked) - Number(b.blocked) || named(a).localeCompare(named(b)));
}

// isVerified tells whether the person of an account was made sure of.
export function isVerified(account: string | undefined): boolean {
  return contact(account)?.verified ?? false;
}

// namesake is another contact who goes by the name that a person claims.
export function namesake(id: string, claimed: string): Contact | undefined {
  const name = displayName(claimed, '').toLocaleLowerCase('en');
  if (name === '') return undefined;
  return people.all.find((c) => c.id !== id && !c.request && [c.name, c.claimed].some((n) => displayName(n, '').toLocaleLowerCase('en') === name));
}
