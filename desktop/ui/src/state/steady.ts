// What is being read stays where it is on the screen, whatever is put above it,
// in between, or taken away. Browsers anchor scrolling by themselves, and do it
// best while somebody is scrolling; but not at the very top, not where a row
// itself changes, and Safari not at all. Steady measures, and does the rest.
import { flushSync } from 'svelte';

interface Anchor {
  row: HTMLElement;
  y: number; // of its text, from the top of all that can be scrolled
}

const native = CSS.supports('overflow-anchor', 'auto');
const spares = 12; // rows that take over should the first one go

export class Steady {
  private anchors: Anchor[] = [];
  private top = 0; // how far was scrolled when the anchors were noted
  private edge = 0; // where the box began on the screen then

  // Rows are found by data-id, and measured by their text: the lines above a
  // text come and go with what stands above the row.
  constructor(
    private readonly box: HTMLElement,
    private readonly list: HTMLElement,
  ) {}

  // reading is the id of the topmost message in view.
  get reading(): string {
    return this.anchors[0]?.row.dataset['id'] ?? '';
  }

  // during changes the list.
  during(change: () => void): void {
    this.note();
    const before = this.anchors.map((a) => ({ row: a.row, at: textTop(a.row) }));
    flushSync(change);
    const anchor = before.find((a) => a.row.isConnected);
    if (anchor) this.move(textTop(anchor.row) - anchor.at);
    this.note();
  }

  // settle puts right what was laid out anew since the anchors were noted.
  settle(): void {
    const anchor = this.anchors.find((a) => a.row.isConnected);
    if (anchor) {
      const moved = this.box.getBoundingClientRect().top - this.edge;
      this.move(this.left(this.y(anchor.row) - anchor.y) + moved);
    }
    this.note();
  }

  // left is how much of a growth above what is read the browser has not made
  // good by itself. It does all or nothing; where somebody has scrolled
  // meanwhile the two cannot be told apart, and a browser that does it, did it.
  private left(grown: number): number {
    const scrolled = this.box.scrollTop - this.top;
    if (Math.abs(grown) < 0.5 || Math.abs(scrolled - grown) <= 1) return 0;
    return Math.abs(scrolled) <= 1 || !native ? grown : 0;
  }

  // note picks the topmost rows in view.
  note(): void {
    const rows = this.list.querySelectorAll<HTMLElement>('[data-id]');
    this.edge = this.box.getBoundingClientRect().top;
    this.top = this.box.scrollTop;
    let from = 0;
    let to = rows.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (rows[middle]!.getBoundingClientRect().bottom - 12 > this.edge) to = middle;
      else from = middle + 1;
    }
    this.anchors = Array.from({ length: Math.min(spares, rows.length - from) }, (_, i) => ({ row: rows[from + i]!, y: this.y(rows[from + i]!) }));
  }

  private y(row: HTMLElement): number {
    return textTop(row) - this.box.getBoundingClientRect().top + this.box.scrollTop;
  }

  private move(by: number): void {
    if (Math.abs(by) > 0.5) this.box.scrollTop += by;
  }
}

function textTop(row: HTMLElement): number {
  return (row.querySelector('.text') ?? row).getBoundingClientRect().top;
}
