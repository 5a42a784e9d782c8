// The contract of desktop/api, as far as the page uses it. Enumerations stay
// open: a value that the page does not know must not break it.

export interface Problem {
  title: string;
  status: number;
  detail?: string;
  code: string;
}

export interface Reachability {
  state: string; // connected, searching, alone, offline
  summary: string;
  nearby: number;
  lan_only: boolean;
  mode: string; // open, lan, tor, covert
}

export interface Reach {
  summary: string;
  state: string;
  peers: number;
  ways: Way[] | null;
  public: boolean;
  clock_skew_ms?: number; // ahead of others'; absent while unknown
  settings: ReachSettings;
  fixed: string[] | null; // settings that were given at the start
  seen_by: SeenBy[] | null;
  is_bridge: boolean;
}

// Way is how one way to others stands on the present network.
export interface Way {
  name: string;
  state: string; // works, fails, untried, off
  since?: string;
  why?: string;
  tried: number;
  worked: number;
  peers: number;
}

export interface ReachSettings {
  mode: string; // open, lan, tor, covert
  no_mdns: boolean;
  no_dht: boolean;
  data_saver: boolean;
  socks: string;
  onion: string;
  look: string;
}

export interface SeenBy {
  who: string;
  sees: boolean;
  hard?: boolean; // to tell, and not impossible
  text: string;
}

// Bridge is one of somebody else's that this computer may use.
export interface Bridge {
  id: string;
  name: string;
  added: string;
  connected: boolean;
  way?: string;
  contact?: string; // with whose link it came
}

// Pass is a link of this bridge that was handed out.
export interface Pass {
  id: string;
  name: string;
  created: string;
  used?: string;
  revoked: boolean;
  link?: string;
  contact?: string; // who got it by being one
}

export interface PassList {
  is_bridge: boolean;
  items: Pass[] | null;
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
  damage?: Damage; // on the disk, until it was read
}

export interface Damage {
  state: string; // mended, rescued, found
  time?: string;
  topics: number;
  records: number;
  detail: string;
}

export interface Me {
  name: string;
  account: string;
  device: string;
  phrase: string; // unchecked, checked, absent: whether the recovery phrase was written down
}

// Lock says how the data folder is protected. It is told while locked, too.
export interface Lock {
  protection: string; // none, passphrase, keyring
  locked: boolean;
  auto_lock_minutes: number; // 0: never
  keyring_available: boolean;
}

export interface LockChange {
  current?: string;
  protection?: string;
  passphrase?: string;
  decoy?: string;
  auto_lock_minutes?: number;
}

export interface Recovery {
  words: string[];
  ask: number[]; // positions, from 1
  checked: boolean;
}

export interface Device {
  id: string;
  name: string;
  this: boolean;
  added: string;
}

export interface DeviceOffer {
  account: string;
  name: string;
  ready: boolean;
  topics: number;
  people: number;
}

export interface Peer {
  peer_id: string;
  address: string;
  nearby: boolean;
  topics: number;
}

export interface Author {
  id: string;
  name: string;
  me: boolean;
  account?: string; // proved; in private and direct topics only
}

// The numbers of Completeness count records: posts, and the signed notes on who
// may write and what a topic is called.
export interface Completeness {
  state: string; // complete, unknown, missing, waiting, forked
  have: number;
  missing: number; // there may be more
  posts: number;
  checkpoint?: Checkpoint;
  holes?: Hole[] | null; // the newest first, at most maxHoles
  forks?: Fork[] | null;
  asking?: number;
  progress?: Progress;
  summary: string;
}

export interface Checkpoint {
  number: number;
  by: Author;
  time: string;
  posts: number;
  met: boolean;
}

export interface Hole {
  author: Author;
  from: number;
  to: number; // 0: where it ends is not known
}

export interface Fork {
  author: Author;
  seq: number;
  time: string;
}

export interface Progress {
  done: number;
  total: number; // 0: not known
}

export interface Retention {
  keep: string; // all, last, days
  n?: number;
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
  state: string; // queued, handed, stored, acknowledged, read, received
  stored_by?: number;
  bodiless?: boolean;
  closed?: string; // pending, before, erased, lost, forged, faded: why it cannot be read here
}

export interface Topic {
  id: string;
  kind: string; // broadcast, open, private, direct
  name: string;
  description: string;
  link: string;
  role: string;
  can_post: boolean;
  unread: number;
  read_up_to: string;
  followers: number;
  completeness: Completeness;
  retention: Retention;
  last?: Message;
  draft: string;
  hide_origin: boolean;
  contact?: string; // of a direct topic
  live?: { typing: boolean; here: boolean }; // of a direct topic, where both want it
  sealing?: Sealing; // of a private or direct topic that is here
  created: string;
  joined: string;
}

// Sealing says how this device stands in a private or direct topic.
export interface Sealing {
  member: boolean;
  members: number; // devices
  invited: number;
  joining: boolean;
  refused: boolean;
  removed: boolean;
  fade_seconds: number; // 0: never
  stranger: boolean;
  newcomers_read: number; // -1: all
  summary: string;
}

export interface Member {
  author: Author;
  role: string; // owner, admin, writer
}

export interface Invite {
  link: string;
  expires: string;
}

export interface Contact {
  id: string; // the account
  name: string;
  claimed: string;
  topic: string; // empty while there is none
  request: boolean;
  waiting: boolean;
  verified: boolean;
  blocked: boolean;
  added: string;
  new_device?: string; // since when the person writes from a device that was not known
}

export interface ContactPatch {
  name?: string;
  blocked?: boolean;
  accepted?: boolean;
  verified?: boolean;
  devices_seen?: boolean;
}

// Hints are what the other person of a conversation may see of oneself.
export interface Hints {
  receipts: boolean;
  typing: boolean;
  presence: boolean;
}

export interface Safety {
  groups: string[];
  code: string;
}

export interface Verified {
  result: string; // match, different, unreadable, other_version, own_code
  contact: Contact;
}

export interface TopicDraft {
  kind: string;
  name: string;
  description?: string;
  newcomers_read?: number;
  fade_seconds?: number;
}

export interface TopicPatch {
  name?: string;
  description?: string;
  retention?: Retention;
  hide_origin?: boolean;
  newcomers_read?: number;
  fade_seconds?: number;
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
  contact?: string; // of a contact link: whose
  bridge?: string; // of a bridge link: which
  invite: boolean; // makes a member of a private topic, or lets somebody write in a broadcast
}

export interface SearchPage {
  items: Message[] | null;
  whole: boolean;
}

export interface ImportReport {
  records: number;
  new: number;
  known: number;
  refused: number;
  strange: number;
  damaged: number; // bytes
  complete: boolean;
  topics: string[] | null;
  offered: Offer[] | null;
  summary: string;
}

export interface Offer {
  topic: string;
  name: string;
  link: string;
  records: number;
}

export interface Folder {
  path: string;
  topics?: string[] | null; // none: all
  watch: boolean;
}

export interface FolderReport {
  folder: Folder;
  wrote: number;
  new: number;
  problem?: string;
  last_look?: string;
}

export interface StreamEvent {
  type: string;
  id: string;
  data: string;
}

export const minPassphrase = 12; // characters; shorter ones are found soon by who has the disk
export const maxTextBytes = 60 * 1024;
export const maxNameBytes = 128;
export const maxAboutBytes = 2048;
export const maxHoles = 20;
export const maxNewcomersRead = 4096;
export const maxKept = 10_000_000;
