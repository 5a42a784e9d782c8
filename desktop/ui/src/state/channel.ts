// Tabs of one browser talking to each other: who has a token, and the events.

export const channel = new BroadcastChannel('linnet');

export function tell(message: object): void {
  channel.postMessage(message);
}
