// Where the page is: #/ , #/t/<topic> or #/t/<topic>/m/<message>.

interface Route {
  topic: string | null;
  message: string | null;
}

export const route = $state<Route>({ topic: null, message: null });

let fromList = false;

export function readRoute(): void {
  const match = /^#\/t\/([^/]+)(?:\/m\/([^/]+))?$/.exec(location.hash);
  const before = route.topic;
  route.topic = match?.[1] ? decode(match[1]) : null;
  route.message = match?.[2] ? decode(match[2]) : null;
  if (route.topic !== before) fromList = before === null && route.topic !== null;
}

function decode(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}

export function topicPath(topic: string): string {
  return '#/t/' + encodeURIComponent(topic);
}

export function messagePath(topic: string, message: string): string {
  return topicPath(topic) + '/m/' + encodeURIComponent(message);
}

export function go(path: string): void {
  if (location.hash === path) readRoute();
  else location.hash = path;
}

// toList goes back to the list of topics, as the browser's own Back would.
export function toList(): void {
  if (fromList && !route.message) history.back();
  else go('#/');
}

// forgetMessage drops the message from the address once it has been shown.
export function forgetMessage(): void {
  if (!route.topic) return;
  history.replaceState(null, '', topicPath(route.topic));
  route.message = null;
}
