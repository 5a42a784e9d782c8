// A parser of server-sent events (HTML Standard §9.2.6): text goes in as it
// arrives, whole events come out.
import type { StreamEvent } from './types';

export class EventParser {
  private rest = '';
  private type = '';
  private data: string[] = [];
  private id = '';
  private afterCR = false;

  constructor(private readonly emit: (event: StreamEvent) => void) {}

  push(chunk: string): void {
    if (this.afterCR && chunk.startsWith('\n')) chunk = chunk.slice(1);
    if (chunk === '') return;
    this.afterCR = chunk.endsWith('\r');
    const lines = (this.rest + chunk).split(/\r\n|\n|\r/);
    this.rest = lines.pop() ?? '';
    for (const line of lines) this.line(line);
  }

  private line(line: string): void {
    if (line === '') return this.dispatch();
    const colon = line.indexOf(':');
    if (colon === 0) return; // a comment keeps the line warm
    const field = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? '' : line.slice(colon + 1);
    if (value.startsWith(' ')) value = value.slice(1);
    if (field === 'event') this.type = value;
    else if (field === 'data') this.data.push(value);
    else if (field === 'id' && !value.includes('\0')) this.id = value;
  }

  // An event without an id of its own keeps the empty one: it does not resume.
  private dispatch(): void {
    if (this.data.length > 0) {
      this.emit({ type: this.type || 'message', id: this.id, data: this.data.join('\n') });
    }
    this.type = '';
    this.data = [];
    this.id = '';
  }
}
