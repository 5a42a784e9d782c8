import { afterEach, describe, expect, it, vi } from 'vitest';
import { ApiError, api } from './api';

const reopening = () => new Response(JSON.stringify({ title: 'opening again', status: 503, code: 'reopening' }), { status: 503 });

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe('a Linnet that is just opening again', () => {
  it('is asked once more', async () => {
    vi.useFakeTimers();
    const answers = [reopening(), reopening(), new Response(JSON.stringify({ peers: 3 }))];
    const fetch = vi.fn(() => Promise.resolve(answers.shift()!));
    vi.stubGlobal('fetch', fetch);
    const node = api.node();
    await vi.advanceTimersByTimeAsync(3000);
    expect((await node).peers).toBe(3);
    expect(fetch).toHaveBeenCalledTimes(3);
  });

  it('is given up after a while', async () => {
    vi.useFakeTimers();
    const fetch = vi.fn(() => Promise.resolve(reopening()));
    vi.stubGlobal('fetch', fetch);
    const failed = api.node().catch((err: unknown) => err);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await failed).toBeInstanceOf(ApiError);
    expect(fetch).toHaveBeenCalledTimes(10);
  });

  it('another refusal is final', async () => {
    const fetch = vi.fn(() => Promise.resolve(new Response('', { status: 503, statusText: 'no' })));
    vi.stubGlobal('fetch', fetch);
    await expect(api.node()).rejects.toBeInstanceOf(ApiError);
    expect(fetch).toHaveBeenCalledTimes(1);
  });
});
