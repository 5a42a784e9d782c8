// The contract of desktop/api, as far as the page uses it. Enumerations stay
// open: a value that the page does not know must not break it.

export interface Problem {
  title: string;
  status: number;
  detail?: string;
  code: string;
}

export interface Reachability {
  state: string; // connected, searching, alone
  summary: string;
  nearby: number;
  lan_only: boolean;
}

export interface NodeInfo {
  version: string;
  peer_id: string;
  addresses: string[] | null;
  peers: number;
  reachability: Reachability;
  name: string;
  started: string;
  disk: { path: string; bytes: number; free: number };
}

export interface Me {
  name: string;
  account: string;
  device: string;
}

export interface Peer {
  peer_id: string;
  address: string;
  nearby: boolean;
  topics: number;
}

export interface Completeness {
  state: string; // unknown, missing, waiting, forked
  have: number;
  missing: number;
  summary: string;
}

export interface Author {
  id: string;
  name: string;
  me: boolean;
}

export interface Entity {
  type: string;
  offset: number;
  length: number;
  url?: string;
}

export interface Message {
  id: string;
  topic: string;
  seq: number;
  time: string;
  time_ms: number;
  author: Author;
  text: string;
  entities: Entity[] | null;
  reply_to?: string;
  state: string; // queued, handed, received
  handed_to?: number;
  bodiless?: boolean;
}

export interface Topic {
  id: string;
  kind: string; // broadcast, open
  name: string;
  description: string;
  link: string;
  role: string;
  can_post: boolean;
  unread: number;
  read_up_to: string;
  followers: number;
  completeness: Completeness;
  last?: Message;
  draft: string;
  created: string;
  joined: string;
}

export interface MessagePage {
  items: Message[] | null;
  prev: string | null;
  next: string | null;
}

export interface LinkPreview {
  topic: string;
  kind: string;
  name: string;
  description: string;
  verified: boolean;
  joined: boolean;
  peers: number;
}

export interface SearchPage {
  items: Message[] | null;
  whole: boolean;
}

export interface StreamEvent {
  type: string;
  id: string;
  data: string;
}

export const maxTextBytes = 60 * 1024;
export const maxNameBytes = 128;
export const maxAboutBytes = 2048;
