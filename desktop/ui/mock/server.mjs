// A stand-in for the node, for working on the page: serves dist and the API of
// desktop/api over made-up topics, with exactly the headers of the real thing.
//
//	npm run mock [-- --port 4180]
//
// Beyond the API it has /__mock/* to play things that happen to a node:
//	POST /__mock/scenario {"name": "full" | "fresh" | "named"}   start over
//	POST /__mock/code       -> {code}                           a new one-time code
//	POST /__mock/say {"topic", "text"}                          somebody writes
//	POST /__mock/fill {"ms", "total"}       -> {topic}          a long history arrives in bulk, newest first
//	POST /__mock/bulk {"topic", "n"}                           posts arrive at its end in bulk
//	POST /__mock/complete {"topic", "with"}                     says how much of a topic is here
//	POST /__mock/request {"name"}                              somebody uses one's contact link
//	POST /__mock/reach {"ways", "summary", "isBridge", "fixed"}  says how others are reached
//	POST /__mock/offer {"name", …}                             another computer offers an account
//	POST /__mock/restart                                        every token dies
//	POST /__mock/down {"ms"}                                    nobody answers for a while
//	POST /__mock/reset                                          the event stream forgets
//	POST /__mock/streams    -> how many event streams are open
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Guard } from './guard.mjs';
import { World } from './world.mjs';

const dist = fileURLToPath(new URL('../dist', import.meta.url));

export const headers = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; " +
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; " +
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'X-Frame-Options': 'DENY',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=(self), loopback-network=(self), local-network=()',
};

const bundleType = 'application/vnd.linnet.bundle';
const backupType = 'application/vnd.linnet.backup';
const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml' };

class Refusal extends Error {
  constructor(status, code, title, detail) {
    super(title);
    this.problem = { type: 'about:blank', title, status, detail, code };
  }
}

// start serves until close() is called.
export async function start({ port = 0 } = {}) {
  let world = new World('full');
  let guard = new Guard(world);
  let tokens = new Set();
  let codes = new Set();
  let streams = new Set();
  let downUntil = 0;
  const done = new Map(); // Idempotency-Key -> message

  const send = (res, event) => {
    if (event.id) res.write(`id: ${event.id}\n`);
    res.write(`event: ${event.type}\ndata: ${JSON.stringify(event.data)}\n\n`);
  };
  const listen = () => (world.onevent = (event) => streams.forEach((res) => send(res, event)));
  listen();

  const mock = {
    scenario: ({ name }) => {
      world = new World(name);
      guard = new Guard(world);
      listen();
      streams.forEach((res) => res.end());
    },
    code: () => {
      const code = randomUUID();
      codes.add(code);
      return { code };
    },
    say: ({ topic, text, author }) => world.say(topic ?? world.topics[0].id, text ?? 'Hello', author),
    fill: (how) => world.fill(how),
    bulk: (what) => world.bulk(what),
    complete: ({ topic, with: fields }) => {
      const t = world.topics.find((x) => x.id === topic || x.name === topic);
      t.completeness = { ...t.completeness, ...fields };
      world.emit('topic.updated', { topic: t.id, info: world.view(t) }, false);
    },
    topic: (name) => world.topics.find((x) => x.name.includes(name)),
    restart: () => {
      tokens = new Set();
      streams.forEach((res) => res.end());
    },
    down: ({ ms }) => {
      downUntil = Date.now() + (ms ?? 5000);
      streams.forEach((res) => res.destroy());
    },
    reach: (how) => world.reach.play(how),
    offer: (what) => (guard.offer = what),
    request: (who) => world.people.request(who.name),
    streams: () => streams.size,
    reset: () => streams.forEach((res) => send(res, { type: 'reset', data: { v: 1, reason: 'too old', head: world.head() } })),
  };

  async function api(req, res, url) {
    const path = url.pathname.slice('/api/v1'.length);
    const route = `${req.method} ${path}`;
    if (route === 'GET /health') return { program: 'linnet' };
    const raw = await bytes(req);
    const isBundle = req.headers['content-type'] === bundleType || req.headers['content-type'] === backupType;
    const body = ['POST', 'PUT', 'PATCH'].includes(req.method) && !isBundle ? JSON.parse(raw.toString() || '{}') : {};
    if (route === 'POST /session') {
      if (!codes.delete(body.code)) throw new Refusal(401, 'unauthorized', 'That code does not work', 'It was used already or is too old.');
      const token = randomUUID();
      tokens.add(token);
      return { token };
    }
    if (!tokens.has((req.headers.authorization ?? '').replace('Bearer ', ''))) throw new Refusal(401, 'unauthorized', 'Not signed in');
    if (route === 'GET /events') {
      res.writeHead(200, { ...headers, 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
      res.write(': hello\n\n');
      for (const event of world.since(req.headers['last-event-id'])) send(res, event);
      streams.add(res);
      const beat = setInterval(() => res.write(':\n\n'), 15_000);
      res.on('close', () => (streams.delete(res), clearInterval(beat)));
      return undefined;
    }
    while (Date.now() < world.reach.reopening) await new Promise((done) => setTimeout(done, 50)); // as the real one does
    if (route === 'POST /backup') return void file(res, backupType, 'made-up backup');
    const guarded = guard.answer(req.method, path, body, req.headers, Refusal);
    if (guarded) return guarded.answer;
    if (guard.lock.locked) throw new Refusal(423, 'locked', 'Linnet is locked');
    if (route === 'GET /node') return world.node;
    if (route === 'GET /me') return world.me;
    if (route === 'PATCH /me') return world.rename(body.name);
    if (route === 'GET /peers') return { items: world.peers };
    if (route === 'POST /peers') throw new Refusal(502, 'unreachable', 'Nobody answered', 'Nobody answered at that address. Check it, and that Linnet is running there.');
    if (route === 'GET /topics') return { items: world.topics.map((t) => world.view(t)), head: world.head() };
    if (route === 'POST /topics') return world.create(body);
    if (route === 'POST /links/preview' || route === 'POST /links/accept') {
      const found = world.reach.link(body.link) ?? world.link(body.link);
      if (!found) throw new Refusal(422, 'bad_link', 'This is not a link of Linnet', 'This is not a link of Linnet, or a part of it is missing. Ask for it again, and copy all of it.');
      if (path.endsWith('preview')) return found;
      return world.join(found);
    }
    if (route === 'GET /search') return world.search(url.searchParams.get('q'), url.searchParams.get('topic'));
    if (route === 'POST /bundles/export') return void file(res, bundleType, world.save(body));
    if (route === 'POST /bundles/note') return void file(res, 'application/octet-stream', 'made-up note');
    if (route === 'POST /bundles/import') {
      if (!isBundle) throw new Refusal(415, 'media_type', 'Send a bundle');
      await new Promise((done) => setTimeout(done, 600));
      const report = world.load(raw);
      if (!report) throw new Refusal(422, 'invalid', 'This is not a file of Linnet', 'Choose one that ends in .linnet. If it should be one, it was damaged on its way: ask for it again.');
      return report;
    }
    if (route === 'GET /folders') return { items: world.folders };
    if (route === 'POST /folders') return world.look(body);
    if (route === 'DELETE /folders') return void (world.folders = world.folders.filter((f) => f.folder.path !== url.searchParams.get('path')));
    const ways = world.reach.answer(req.method, path, body, Refusal);
    if (ways) return ways.answer;
    const about = world.people.answer(req.method, path, body, Refusal);
    if (about) return about.answer;
    const match = /^\/topics\/([^/]+)(\/.*)?$/.exec(path);
    if (!match) throw new Refusal(404, 'not_found', 'There is nothing here');
    const topic = world.topics.find((t) => t.id === decodeURIComponent(match[1]));
    if (!topic) throw new Refusal(404, 'not_found', 'This topic is not here');
    const rest = `${req.method} ${match[2] ?? ''}`;
    const membership = world.people.inTopic(topic, req.method, match[2] ?? '', url.searchParams, Refusal);
    if (membership) return membership.answer;
    if (rest === 'GET ') return world.view(topic);
    if (rest === 'PATCH ') return world.change(topic, body);
    if (rest === 'DELETE ') return world.leave(topic);
    if (rest === 'POST /repair') return world.ask(topic);
    if (rest === 'PUT /read') return world.read(topic, body.up_to);
    if (rest === 'PUT /draft') return void (topic.draft = body.text);
    if (rest === 'GET /messages') {
      const page = world.page(topic, Object.fromEntries(url.searchParams));
      if (!page) throw new Refusal(404, 'not_found', 'That message is not here');
      return page;
    }
    if (rest === 'POST /messages') {
      if (!topic.can_post) throw new Refusal(403, 'may_not_post', 'You may not write here', 'Only the owner writes in this topic.');
      if (body.text.includes('#fail')) throw new Refusal(507, 'disk_full', 'The disk is full', 'There is no room left on the disk. Make room and try again.');
      const key = req.headers['idempotency-key'];
      if (!done.has(key)) done.set(key, world.post(topic, body));
      res.statusCode = 201;
      return done.get(key);
    }
    const one = topic.messages.find((m) => `/messages/${encodeURIComponent(m.id)}` === match[2]);
    if (one) return one;
    throw new Refusal(404, 'not_found', 'That message is not here');
  }

  const server = createServer(async (req, res) => {
    const url = new URL(req.url, 'http://127.0.0.1');
    for (const [k, v] of Object.entries(headers)) res.setHeader(k, v);
    try {
      if (url.pathname.startsWith('/__mock/')) {
        const body = JSON.parse((await text(req)) || '{}');
        return json(res, (mock[url.pathname.slice(8)] ?? (() => {}))(body) ?? {});
      }
      if (Date.now() < downUntil) return req.socket.destroy();
      if (url.pathname.startsWith('/api/v1/')) {
        res.setHeader('Cache-Control', 'no-store');
        const answer = await api(req, res, url);
        if (res.headersSent) return;
        if (answer === undefined) return res.writeHead(204).end();
        return json(res, answer);
      }
      const path = normalize(url.pathname === '/' ? '/index.html' : url.pathname);
      const data = await readFile(join(dist, path));
      res.setHeader('Content-Type', types[extname(path)] ?? 'application/octet-stream');
      res.setHeader('Cache-Control', 'no-cache');
      res.end(data);
    } catch (err) {
      const problem = err.problem ?? { type: 'about:blank', title: 'Not found', status: 404, code: 'not_found', detail: String(err.message) };
      res.statusCode = problem.status;
      res.setHeader('Content-Type', 'application/problem+json');
      res.end(JSON.stringify(problem));
    }
  });
  await new Promise((ready) => server.listen(port, '127.0.0.1', ready));
  const base = `http://127.0.0.1:${server.address().port}`;
  return { base, mock, close: () => (server.closeAllConnections(), server.close()) };
}

async function bytes(req) {
  const out = [];
  for await (const chunk of req) out.push(chunk);
  return Buffer.concat(out);
}

async function text(req) {
  return (await bytes(req)).toString();
}

function file(res, type, body) {
  res.writeHead(200, { ...headers, 'Content-Type': type });
  res.end(body);
}

function json(res, body) {
  res.setHeader('Content-Type', 'application/json');
  res.end(JSON.stringify(body));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const at = process.argv.indexOf('--port');
  const { base, mock } = await start({ port: at > 0 ? Number(process.argv[at + 1]) : 4180 });
  console.log(`${base}/#code=${mock.code().code}`);
}
