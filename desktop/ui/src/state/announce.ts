// One polite live region for the whole page, and never more than one sentence
// in three seconds.
import { t } from '../lib/i18n';
import { displayName, preview } from '../lib/text';
import type { Message } from '../lib/types';
import { app } from './app.svelte';

const pause = 3000;

let heard: Message[] = [];
let timer: ReturnType<typeof setTimeout> | undefined;

export function announce(messages: Message[]): void {
  heard.push(...messages);
  if (timer === undefined && heard.length > 0) speak();
}

function speak(): void {
  timer = undefined;
  const [first] = heard;
  if (!first) return;
  app.said =
    heard.length === 1
      ? t('live.message', { name: displayName(first.author.name, t('person.unnamed')), text: preview(first.text, 200) })
      : t('live.messages', { n: heard.length });
  heard = [];
  timer = setTimeout(speak, pause);
}
