// Private topics and conversations for two, in words for a person: who can read,
// why one cannot write, why a message cannot be read. Made from what the node
// says, never more than that.
import { t } from './i18n';
import { displayName, isolate } from './text';
import type { Contact, Topic } from './types';

export interface Standing {
  icon: 'lock' | 'clock' | 'alert' | 'block' | 'save';
  warn: boolean;
  text: string;
}

export function isSealed(topic: Topic): boolean {
  return topic.kind === 'private' || topic.kind === 'direct';
}

// keeps tells where this computer keeps a topic for its members without being one.
export function keeps(topic: Topic): boolean {
  const s = topic.sealing;
  return s !== undefined && !s.member && !s.joining && !s.refused && !s.removed;
}

export function nameOf(contact: Contact | undefined): string {
  return isolate(displayName(contact?.name ?? '', t('person.unnamed')));
}

// waitsFor tells where nobody but oneself takes part in a conversation so far.
export function waitsFor(topic: Topic, contact: Contact | undefined): contact is Contact {
  return (contact?.waiting ?? false) && (topic.sealing?.members ?? 1) < 2;
}

// whoReads says who can read a topic, null where there is nothing to say.
export function whoReads(topic: Topic, contact?: Contact): Standing | null {
  const s = topic.sealing;
  if (!s) return null;
  const shut = shutOut(topic);
  if (shut) return shut;
  if (s.stranger) return { icon: 'alert', warn: true, text: t('people.stranger') };
  if (topic.kind === 'direct') {
    const name = nameOf(contact);
    return { icon: 'lock', warn: false, text: waitsFor(topic, contact) ? t('people.reads.waiting', { name }) : t(s.members > 2 ? 'people.reads.devices' : 'people.reads', { name, n: s.members }) };
  }
  return { icon: 'lock', warn: false, text: s.members <= 1 ? t('private.reads.alone') : t('private.reads', { n: s.members }) };
}

// shutOut says why this device does not take part, null where it does.
export function shutOut(topic: Topic): Standing | null {
  const s = topic.sealing;
  if (!s || (s.member && !s.joining)) return null;
  if (s.refused) return { icon: 'alert', warn: true, text: t('private.refused') };
  if (s.joining) return { icon: 'clock', warn: false, text: t(topic.kind === 'direct' ? 'people.joining' : 'private.joining') };
  if (s.removed) return { icon: 'block', warn: true, text: t('private.removed') };
  return { icon: 'save', warn: false, text: t('private.keeps') };
}

const reasons = ['pending', 'before', 'erased', 'lost', 'forged', 'faded'] as const;

// closedText says why n messages cannot be read. kept tells that they are kept
// for others.
export function closedText(reason: string, n: number, kept = false): string {
  if (kept && reason === 'pending') return t('private.closed.kept', { n });
  const known = reasons.find((r) => r === reason);
  return t(known ? `private.closed.${known}` : 'private.closed.other', { n });
}

// closedShort is the same in a few words, for lists and quotes.
export function closedShort(reason: string): string {
  return t(reason === 'faded' ? 'private.closed.short.faded' : 'private.closed.short');
}
