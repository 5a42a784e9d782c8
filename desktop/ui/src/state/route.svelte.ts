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
  if (leaving) then = path;
  else if (above) {
    above = false;
    history.replaceState(null, '', path);
    readRoute();
  } else if (location.hash === path) readRoute();
  else location.hash = path;
}

// toList goes back to the list of topics, as the browser's own Back would.
export function toList(): void {
  if (fromList && !route.message && !leaving) history.back();
  else go('#/');
}

// An open dialog has an entry of its own in the browser's history, so that Back
// closes it. Going somewhere else from it takes that entry's place.
let above = false; // the entry of a dialog is the one we are at
let leaving = false; // on the way back from it, which takes the browser a moment
let wanted = false; // and needed again already
let then = ''; // and where to go after that

export function dialogOpened(): void {
  if (leaving) wanted = true;
  else if (!above) {
    above = true;
    history.pushState({ dialog: true }, '');
  }
}

// dialogClosed leaves it to whoever closed the dialog to go somewhere at once.
export function dialogClosed(): void {
  wanted = false;
  queueMicrotask(() => {
    if (!above) return;
    above = false;
    leaving = true;
    history.back();
  });
}

// wentBack is told of every move through the history, and tells whether it was
// the person's own, out of a dialog.
export function wentBack(): boolean {
  if (leaving) {
    leaving = false;
    if (then) go(then);
    if (wanted) dialogOpened();
    then = '';
    wanted = false;
    return false;
  }
  if (!above || (history.state as { dialog?: boolean } | null)?.dialog) return false;
  above = false;
  return true;
}

// linkClicked takes a click on a link of the page that comes in between.
export function linkClicked(ev: MouseEvent): void {
  const href = ev.target instanceof Element ? ev.target.closest('a')?.getAttribute('href') : null;
  if (!leaving || !href?.startsWith('#/') || ev.defaultPrevented || ev.ctrlKey || ev.metaKey || ev.shiftKey || ev.button !== 0) return;
  ev.preventDefault();
  go(href);
}

// forgetMessage drops the message from the address once it has been shown.
export function forgetMessage(): void {
  if (!route.topic) return;
  history.replaceState(null, '', topicPath(route.topic));
  route.message = null;
}
