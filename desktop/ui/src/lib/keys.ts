// Keys by what is printed on them or, on another layout, by where they are:
// Ctrl+K on a Russian keyboard says key 'л' and code 'KeyK'.

export function letter(ev: KeyboardEvent, want: string): boolean {
  return ev.key.toLowerCase() === want || (!/^[a-z]$/i.test(ev.key) && ev.code === 'Key' + want.toUpperCase());
}

export function slash(ev: KeyboardEvent): boolean {
  return ev.key === '/' || (!/^[ -~]$/.test(ev.key) && ev.code === 'Slash' && !ev.shiftKey);
}

export function question(ev: KeyboardEvent): boolean {
  return ev.key === '?';
}

// command is Ctrl, or Cmd on a Mac.
export function command(ev: KeyboardEvent): boolean {
  return (ev.ctrlKey || ev.metaKey) && !ev.altKey;
}

// typing tells whether a key belongs to a field that somebody writes in.
export function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}
