package api

// Prefix is the path under which the whole contract lives.
const Prefix = "/api/v1"

// Paths below Prefix. {id} is a topic id, {message} a message id.
const (
	PathHealth     = "/health"
	PathOpenAPI    = "/openapi.json"
	PathSession    = "/session"       // POST, DELETE
	PathCodes      = "/session/codes" // POST
	PathNode       = "/node"
	PathDamage     = "/node/damage" // DELETE: it was read
	PathMe         = "/me"          // GET, PATCH
	PathPeers      = "/peers"       // GET, POST
	PathTopics     = "/topics"
	PathTopic      = "/topics/{id}"
	PathMessages   = "/topics/{id}/messages"
	PathMessage    = "/topics/{id}/messages/{message}"
	PathRead       = "/topics/{id}/read"
	PathDraft      = "/topics/{id}/draft"
	PathTyping     = "/topics/{id}/typing"           // POST: the other person of a direct topic may see it, for six seconds
	PathHints      = "/me/hints"                     // GET, PATCH Hints: what others may see of you
	PathMembers    = "/topics/{id}/members"          // GET
	PathMember     = "/topics/{id}/members/{writer}" // PATCH MemberPatch, DELETE: end a writer's rights
	PathInvites    = "/topics/{id}/invites"          // POST ?role= -> Invite, DELETE -> InvitesCancelled
	PathRepair     = "/topics/{id}/repair"           // POST: ask others again for what is missing
	PathExport     = "/bundles/export"               // POST Export -> the bundle, application/vnd.linnet.bundle
	PathImport     = "/bundles/import"               // POST a bundle -> ImportReport
	PathNote       = "/bundles/note"                 // POST Export -> what this node has, for the other side's export
	PathFolders    = "/folders"                      // GET, POST Folder -> FolderReport, DELETE ?path=
	TypeBundle     = "application/vnd.linnet.bundle"
	TypeNote       = "application/vnd.linnet.note"
	PathPreview    = "/links/preview"
	PathAccept     = "/links/accept"
	PathEvents     = "/events"
	PathSearch     = "/search"
	PathBlobs      = "/blobs"
	PathBlob       = "/blobs/{id}"
	PathContacts   = "/contacts"             // GET, POST ContactAdd -> Contact
	PathContact    = "/contacts/{id}"        // GET, PATCH ContactPatch, DELETE
	PathSafety     = "/contacts/{id}/safety" // GET -> Safety
	PathVerify     = "/contacts/{id}/verify" // POST Verification -> Verified
	PathMeLink     = "/me/link"              // GET -> MeLink; POST makes a new one, with which the old one lets nobody in any more
	PathDevices    = "/devices"              // GET, POST DeviceAdd -> Device
	PathDevice     = "/devices/{id}"         // DELETE -> DeviceRemoved
	PathOffer      = "/offer"                // GET -> DeviceOffer, POST takes it, DELETE drops it: of another installation to this one
	PathRecovery   = "/me/recovery"          // GET -> Recovery, POST RecoveryCheck -> RecoveryChecked
	PathReach      = "/reach"                // GET -> Reach, PATCH ReachPatch -> Reach: the node opens again with other settings
	PathBridges    = "/bridges"              // GET, POST BridgeAdd -> Bridge: those of others
	PathBridge     = "/bridges/{id}"         // DELETE
	PathPasses     = "/bridge-passes"        // GET, POST PassDraft -> Pass: links of this bridge
	PathPass       = "/bridge-passes/{id}"   // DELETE takes it back
	PathTopicLinks = "/topics/{id}/links"    // POST LinkDraft -> TopicLink
	PathLock       = "/lock"                 // GET -> Lock, PATCH LockChange -> Lock, POST locks
	PathUnlock     = "/unlock"               // POST Unlock -> Lock
	PathWipe       = "/wipe"                 // POST Wipe
	PathBackup     = "/backup"               // POST BackupOrder -> the backup, TypeBackup
	PathRestore    = "/restore"              // POST a backup, TypeBackup -> RestoreReport; only before the first start is finished
	TypeBackup     = "application/vnd.linnet.backup"
	HeaderSecret   = "Linnet-Passphrase" // of PathRestore: base64 of the passphrase in UTF-8
	HeaderIdem     = "Idempotency-Key"
	HeaderEventID  = "Last-Event-ID"
	HeaderRequest  = "X-Request-Id" // in every answer; the log names a failed request by it
	DiscoveryFile  = "api.json"     // in the data folder, mode 0600, holds a Discovery
	MaxLimit       = 200            // largest page of messages
	DefaultLimit   = 50
	MaxBodyBytes   = 1 << 20   // largest JSON request body
	MaxTextBytes   = 60 * 1024 // largest text of one message, UTF-8
	MaxNameBytes   = 128       // largest name of a person or topic, UTF-8
	MaxAboutBytes  = 2048      // largest topic description, UTF-8
	MaxLinkBytes   = 8192      // longest link that is looked at
	EventKeepAlive = 15        // seconds between comments on a quiet event stream
)

// Discovery is the content of the file DiscoveryFile while a node runs.
type Discovery struct {
	URL   string `json:"url" doc:"Base URL, http://127.0.0.1:PORT"`
	Token string `json:"token" doc:"Bearer token; dies with the process"`
}
