// A link as a QR code: one SVG path, one unit per module.
import { encode } from 'uqr';

export interface QR {
  size: number;
  path: string;
}

// qr answers null where the link is too long for any code.
export function qr(text: string): QR | null {
  let data: boolean[][];
  try {
    data = encode(text, { ecc: text.length > 400 ? 'L' : 'M', border: 0 }).data;
  } catch {
    return null;
  }
  let path = '';
  data.forEach((row, y) => {
    for (let x = 0; x < row.length; x++) {
      if (!row[x]) continue;
      const from = x;
      while (row[x + 1]) x++;
      path += `M${from} ${y}h${x - from + 1}v1H${from}z`;
    }
  });
  return { size: data.length, path };
}
